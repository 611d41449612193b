/**
 * Grouped matrices times one row, or a few: every workgroup normalises and rounds the whole row, which costs less than
 * another dispatch, then computes a tile of outputs. Formulas: groupedLinear.ts.
 */
import type { Dispatch, GpuFeatures } from '../../../kernels/webgpu/dispatch.ts';
import { int8Four } from '../../../ops/bitLinear/quantise.wgsl.ts';
import { act } from '../../../ops/gatedUnit/kernel.wgsl.ts';
import { groupOf } from '../../../ops/groupedLinear/groupedLinear.ts';
import { tileLanes } from '../../../ops/groupedLinear/packed.ts';
import { dots, kinds, pieceLoads, pieceSums, tileLoads } from '../../../ops/groupedLinear/product.wgsl.ts';
import { blockSize, smallest, unitParts } from '../../../ops/groupedLinear/reference.ts';
import { pageSize } from '../../../ops/pages.ts';
import { present } from '../../../program/op.ts';
import { rowsOf, sizeOf, widthOf } from '../../../program/shapes.ts';
import type { PartsOfHeads } from '../../fused/decodedAttention.ts';
import {
  type GroupedProjections,
  type HeadsToPages,
  projectionInputs,
} from '../../fused/groupedProjections.ts';
import { headTensors } from './headsToPages.wgsl.ts';

/** Invocations of a workgroup, and pairs of vectors of four columns that one holds in registers. */
const [maxLanes, maxLoads] = [128, 12];
/** Workgroups that may each round the row; for more, rounding it once is faster. */
const maxTiles = 1024;
/** Memory of a workgroup on every device, less what sums over a workgroup take. */
const workgroupBytes = 16384 - 1024;
/** Memory of a workgroup for the sums of its subgroups. */
const maxSumBytes = 8192;

/** How the work is divided. */
function cut({ x, matrices, use }: GroupedProjections, subgroupSize = 2) {
  const { codes, scales } = matrices[0]!;
  const kind = kinds[codes.dtype as keyof typeof kinds];
  const [width, group] = [widthOf(x), groupOf(codes, scales)];
  const taken = Math.min(group, blockSize);
  const pieces = width / taken;
  const height = kind.planes * tileLanes;
  const together = use.kind === 'gatedUnit' ? 2 : 1;
  // Sums of an invocation; those of a subgroup are exchanged until each has a part of them.
  const values = together * kind.planes * 4;
  const exchanges = Math.min(Math.log2(subgroupSize / 2), Math.log2(values));
  const sumBytes = (lanes: number) => (lanes >> (exchanges + 1)) * together * height * 4;
  let lanes = Math.min(Math.max(2 ** Math.ceil(Math.log2(2 * pieces)), height), maxLanes);
  while (sumBytes(lanes) > maxSumBytes) lanes /= 2;
  const tiles = matrices.map((matrix) => Math.ceil(sizeOf(matrix.codes, 0) / height));
  const loads = Math.ceil(width / 8 / lanes);
  const slots = lanes >> (exchanges + 1);
  return {
    ...{ kind, width, group, taken, pieces, lanes, height, tiles, loads },
    ...{ together, values, exchanges, slots, sumBytes: sumBytes(lanes) },
  };
}

const isOfTiles = ({ matrices }: GroupedProjections) => matrices.every(({ codes }) => codes.dtype in kinds);

export function suitsGrouped(
  t: GroupedProjections,
  heads: HeadsToPages | undefined,
  { maxBindings, subgroupSize }: GpuFeatures,
): boolean {
  if (!isOfTiles(t)) return false;
  const { width, tiles, loads, lanes, height, sumBytes } = cut(t, subgroupSize);
  const merging = t.parts ? 4 * sizeOf(t.parts.found, 0) * t.parts.parts : 0;
  const bytes = width + (4 * width) / blockSize + sumBytes + merging;
  const bindings = Math.max(
    present(projectionInputs(t)).length + 1,
    heads ? present(headTensors(heads)).length : 0,
  );
  return (
    width % blockSize === 0 &&
    loads <= maxLoads &&
    lanes >= height &&
    bytes <= workgroupBytes &&
    Math.max(...tiles) <= maxTiles &&
    bindings <= maxBindings
  );
}

export function groupedProjections(t: GroupedProjections, { subgroupSize = 2 }: GpuFeatures): Dispatch {
  const { width, lanes, height, tiles, pieces, taken, group, together, slots } = cut(t, subgroupSize);
  const words = width / 4;
  const outs = t.matrices.map(({ codes }) => sizeOf(codes, 0));
  const types = Object.fromEntries(
    t.matrices.flatMap((matrix, k) =>
      Object.entries(tileLoads(matrix).types).map(([name, type]) => [`${name}${k}`, type]),
    ),
  );
  return {
    shader: `grouped.${t.parts ? 'merged.' : ''}${t.norm ? 'rmsNorm' : 'none'}.${t.matrices.length}.${t.use.kind}`,
    requires: subgroupSize > 2 ? ['subgroups'] : [],
    code: `
const lanes = ${lanes}u;
var<workgroup> q: array<u32, ${words}>;
var<workgroup> m: array<i32, ${width / blockSize}>;
var<workgroup> sums: array<f32, ${slots * together * height}>;
${t.use.kind === 'gatedUnit' ? act[t.use.activation] : ''}
${dots}
${int8Four}
${t.parts ? mergedParts(t.parts) : ''}
alias Codes = array<vec4u, ${taken / 4}>;
${t.matrices.map((matrix, k) => loadsOf(matrix, k) + product(t, k, subgroupSize)).join('')}
${totals(t, subgroupSize)}
${outputOf(t)}

@compute @workgroup_size(lanes)
fn main(@builtin(local_invocation_index) me: u32, @builtin(workgroup_id) group: vec3u) {
  let token = group.y;
  ${early(t, tiles)}
  ${roundedRow(t, subgroupSize)}
  ${uses(t, tiles, height)}
}`,
    tensors: { ...projectionInputs(t), y: t.y },
    types: { x: 'vec4f', gamma: 'vec4f', ...types },
    numbers: {
      ...{ words, pieces, groups: width / group, perBlock: blockSize / taken, perGroup: group / taken },
      ...Object.fromEntries(outs.map((out, k) => [`out${k}`, out])),
      ...{ out: t.use.kind === 'none' ? widthOf(t.y) : outs[0]! },
      epsilon: { f32: t.norm?.epsilon ?? 0 },
    },
    workgroups: [
      t.use.kind === 'none' ? tiles.reduce((sum, count) => sum + count, 0) : tiles[0]!,
      rowsOf(t.x),
      1,
    ],
  };
}

/** The row in `q` and `m`, and what a unit is worth in `unit`. An invocation has pairs of vectors: four of them are a block. */
function roundedRow(t: GroupedProjections, subgroupSize: number): string {
  const { lanes, loads, width } = cut(t, subgroupSize);
  const words = width / 4;
  const k = Array.from({ length: loads }, (_, load) => load);
  const at = (load: number) => `(2u * me + ${2 * load * lanes}u)`;
  const there = (load: number, body: string) =>
    2 * (load + 1) * lanes <= words ? body : `if (${at(load)} < ${words}u) { ${body} }`;
  const read = (place: string) => (t.parts ? `merged(${place})` : `x[token * ${words}u + ${place}]`);
  const both = (one: (name: string) => string) =>
    k.map((load) => `${one(`a${load}`)} ${one(`b${load}`)}`).join(' ');
  const shuffles = subgroupSize >= 4;
  return `
  ${t.parts ? 'weighParts(me);' : ''}
  ${both((name) => `var ${name} = vec4f();`)}
  ${t.norm ? both((name) => `var ${name}Gamma = vec4f();`) : ''}
  ${k.map((load) => there(load, `a${load} = ${read(at(load))}; b${load} = ${read(`${at(load)} + 1u`)}; ${t.norm ? `a${load}Gamma = gamma[${at(load)}]; b${load}Gamma = gamma[${at(load)} + 1u];` : ''}`)).join('\n  ')}
  var top = 0.0;
  ${
    t.norm
      ? `var squares = 0.0;
  ${both((name) => `squares += dot(${name}, ${name}); ${name} *= ${name}Gamma; top = max(top, largestOf(${name}));`)}
  let found = workgroupSumAndMax(vec2f(squares, top), me);
  let r = 1.0 / sqrt(found.x / ${width}.0 + p.epsilon);
  ${both((name) => `${name} *= r;`)}
  let unit = max(r * found.y, ${smallest}) / ${unitParts}.0;`
      : `${both((name) => `top = max(top, largestOf(${name}));`)}
  let unit = max(workgroupMax(top, me), ${smallest}) / ${unitParts}.0;`
  }
  ${k.map((load) => `var m${load} = max(largestOf(a${load}), largestOf(b${load}));`).join(' ')}
  ${
    shuffles
      ? k
          .map(
            (load) =>
              `m${load} = max(m${load}, subgroupShuffleXor(m${load}, 1u)); m${load} = max(m${load}, subgroupShuffleXor(m${load}, 2u));`,
          )
          .join('\n  ')
      : `${k.map((load) => there(load, `q[me + ${load * lanes}u] = bitcast<u32>(m${load});`)).join('\n  ')}
  workgroupBarrier();
  ${k.map((load) => there(load, `for (var i = 0u; i < 4u; i++) { m${load} = max(m${load}, bitcast<f32>(q[((me + ${load * lanes}u) & ~3u) + i])); }`)).join('\n  ')}
  workgroupBarrier();`
  }
  ${k.map((load) => `m${load} = min(floor(m${load} / (127.0 * unit)) + 1.0, 4095.0);`).join(' ')}
  ${k
    .map((load) =>
      there(
        load,
        `q[${at(load)}] = packed(rounded(a${load} / (m${load} * unit))); q[${at(load)} + 1u] = packed(rounded(b${load} / (m${load} * unit))); if ((me & 3u) == 0u) { m[${at(load)} / 8u] = i32(m${load}); }`,
      ),
    )
    .join('\n  ')}
  workgroupBarrier();`;
}

/**
 * `merged(at)`: four columns of Σ_z share_z·value_z over the parts z of their head, where
 * share_z = e^(top_z − top) / Σ_i e^(top_i − top)·sum_i. `weighParts` makes the shares. Loops are unrolled, so that all loads
 * wait together; parts that the token does not have are read from its last one, and have no share.
 */
function mergedParts({ parts, headSize, found }: PartsOfHeads): string {
  const [heads, stride] = [sizeOf(found, 0), headSize / 4 + 1];
  const each = (one: (z: number) => string) => Array.from({ length: parts }, (_, z) => one(z)).join('\n    ');
  return `
var<workgroup> shares: array<f32, ${heads * parts}>;
var<private> held: u32;
fn weighParts(me: u32) {
  held = min(${parts}u, u32(positions[0]) / ${pageSize}u + 1u);
  for (var i = me; i < ${heads * parts}u; i += lanes) {
    let first = (i / ${parts}u) * ${parts * stride}u + ${stride - 1}u;
    let z = i % ${parts}u;
    let own = x[first + min(z, held - 1u) * ${stride}u].x;
    ${each((z) => `let part${z} = x[first + min(${z}u, held - 1u) * ${stride}u].xy;`)}
    var top = own;
    ${each((z) => `top = max(top, part${z}.x);`)}
    var sum = 0.0;
    ${each((z) => `sum += select(0.0, exp(part${z}.x - top) * part${z}.y, ${z}u < held);`)}
    shares[i] = select(0.0, exp(own - top) / sum, z < held);
  }
  workgroupBarrier();
}
fn merged(at: u32) -> vec4f {
  let head = at / ${stride - 1}u;
  let first = head * ${parts * stride}u + at % ${stride - 1}u;
  ${each((z) => `let part${z} = x[first + min(${z}u, held - 1u) * ${stride}u];`)}
  var value = vec4f();
  ${each((z) => `value += shares[head * ${parts}u + ${z}u] * part${z};`)}
  return value;
}`;
}

/** `early0`, …: codes of the invocation's first piece, which arrive while the row is rounded. */
function early(t: GroupedProjections, tiles: readonly number[]): string {
  if (t.use.kind === 'gatedUnit') {
    return [0, 1].map((k) => `let early${k} = codesOf${k}(group.x, me, me >> 1u);`).join('\n  ');
  }
  let firstTile = 0;
  const branches = tiles.map((count, k) => {
    const branch = `if (group.x < ${firstTile + count}u) { early = codesOf${k}(group.x - ${firstTile}u, me, me >> 1u); }`;
    firstTile += count;
    return branch;
  });
  return `var early: Codes;\n  ${branches.join(' else ')}`;
}

/** `fourLanes`, `fourScales` of matrix k, by names of their own. */
function loadsOf(matrix: GroupedProjections['matrices'][number], k: number): string {
  const name = (text: string) =>
    text.replaceAll(/\b(codes|scales|scaleAt|fourLanes|fourScales)\b/g, `$1${k}`);
  return name(tileLoads(matrix).code).replaceAll('p.out', `p.out${k}`);
}

/**
 * `product<k>(tile, me, early)`: the invocation's sums for the outputs of a tile, four lanes of each plane: 4·(me % 2) on.
 * `early` are codes of the first piece.
 */
function product(t: GroupedProjections, k: number, subgroupSize: number): string {
  const { kind, taken, lanes, height } = cut(t, subgroupSize);
  const planes = Array.from({ length: kind.planes }, (_, j) => j);
  const words = Array.from({ length: taken / 4 }, (_, i) => `w${i}`);
  return `
fn codesOf${k}(tile: u32, me: u32, piece: u32) -> Codes {
  let height = min(${height}u, p.out${k} - tile * ${height}u);
  let lanesOfTile = (height + ${kind.planes - 1}u) / ${kind.planes}u;
  if (piece >= p.pieces) { return Codes(); }
  let first = piece * ${taken / 4}u;
  ${pieceLoads(taken, (word) => `fourLanes${k}(tile, lanesOfTile, me & 1u, ${word})`)}
  return Codes(${words.join(', ')});
}

fn product${k}(tile: u32, me: u32, early: Codes) -> array<vec4f, ${kind.planes}> {
  let height = min(${height}u, p.out${k} - tile * ${height}u);
  let lanesOfTile = (height + ${kind.planes - 1}u) / ${kind.planes}u;
  let half = me & 1u;
  ${planes.map((j) => `var sum${j} = vec4f();`).join(' ')}
  var codes = early;
  for (var piece = me >> 1u; piece < p.pieces; piece += ${lanes / 2}u) {
    let first = piece * ${taken / 4}u;
    ${words.map((word, i) => `let ${word} = codes[${i}];`).join(' ')}
    codes = codesOf${k}(tile, me, piece + ${lanes / 2}u);
    let scaled = ${height}u * tile * p.groups + (piece / p.perGroup) * height + 4u * half;
    ${planes.map((j) => `let scales${j} = fourScales${k}(scaled + ${j}u * lanesOfTile);`).join(' ')}
    let unit = m[piece / p.perBlock];
    ${pieceSums(kind, taken, (word) => `q[${word}]`)}
    ${planes.map((j) => `sum${j} += vec4f((${kind.value(`s${j}`)}) * unit) * scales${j};`).join('\n    ')}
  }
  return array<vec4f, ${kind.planes}>(${planes.map((j) => `sum${j}`).join(', ')});
}`;
}

/**
 * `collect(…)`: adds the sums of all invocations up. Those of a subgroup exchange halves of what they have until each has few
 * sums of all of them: at each step an invocation keeps one half and gives its neighbour the other. Sums of the subgroups meet
 * in `sums`, where `total(k, me)` is output `me` of the tile, of the k-th product.
 */
function totals(t: GroupedProjections, subgroupSize: number): string {
  const { kind, height, lanes, together, values, exchanges, slots } = cut(t, subgroupSize);
  const steps: string[] = [];
  let kept = Array.from(
    { length: values / 4 },
    (_, i) => `from${Math.floor(i / kind.planes)}[${i % kind.planes}]`,
  );
  for (let step = 0; step < exchanges; step++) {
    const halves =
      kept.length > 1
        ? [kept.slice(0, kept.length / 2), kept.slice(kept.length / 2)]
        : values >> step === 4
          ? [[`${kept[0]}.xy`], [`${kept[0]}.zw`]]
          : [[`${kept[0]}.x`], [`${kept[0]}.y`]];
    const mask = 2 << step;
    steps.push(`let upper${step} = (me & ${mask}u) != 0u;`);
    kept = halves[0]!.map((low, i) => {
      const high = halves[1]![i]!;
      const name = `s${step}_${i}`;
      steps.push(
        `let ${name} = select(${low}, ${high}, upper${step}) + subgroupShuffleXor(select(${high}, ${low}, upper${step}), ${mask}u);`,
      );
      return name;
    });
  }
  const left = values >> exchanges;
  const stores = Array.from({ length: left }, (_, i) => {
    const value = left >= 4 ? `${kept[i >> 2]}[${i % 4}]` : left === 2 ? `${kept[0]}[${i}]` : kept[0];
    return `store(slot, first + ${i}u, half, ${value});`;
  });
  const first = Array.from(
    { length: exchanges },
    (_, step) => `select(0u, ${values >> (step + 1)}u, upper${step})`,
  );
  const rows = together * height;
  const parts = Math.max(Math.floor(lanes / rows), 1);
  return `
fn store(slot: u32, value: u32, half: u32, sum: f32) { sums[slot * ${rows}u + (value / 4u) * 8u + half * 4u + value % 4u] = sum; }
fn collect(me: u32, ${Array.from({ length: together }, (_, k) => `values${k}: array<vec4f, ${kind.planes}>`).join(', ')}) {
  ${Array.from({ length: together }, (_, k) => `var from${k} = values${k};`).join(' ')}
  ${steps.join('\n  ')}
  let first = ${first.length ? first.join(' + ') : '0u'};
  let slot = me >> ${exchanges + 1}u;
  let half = me & 1u;
  ${stores.join('\n  ')}
  workgroupBarrier();
  ${
    slots > 16 && parts > 1
      ? `let row = me % ${rows}u;
  let part = me / ${rows}u;
  var sum = 0.0;
  if (part < ${parts}u) { for (var s = part; s < ${slots}u; s += ${parts}u) { sum += sums[s * ${rows}u + row]; } }
  workgroupBarrier();
  if (part < ${parts}u) { sums[me] = sum; }
  workgroupBarrier();`
      : ''
  }
}
fn total(k: u32, me: u32) -> f32 {
  var sum = 0.0;
  for (var s = 0u; s < ${slots > 16 && parts > 1 ? parts : slots}u; s++) { sum += sums[s * ${rows}u + k * ${height}u + me]; }
  return sum;
}`;
}

/** What the workgroup does with its tile. */
function uses(t: GroupedProjections, tiles: readonly number[], height: number): string {
  const biased = (k: number) => (t.matrices[k]!.bias ? ` + bias${k}[o]` : '');
  const outputs = (k: number, tile: string, store: string) => `if (me < ${height}u) {
    let o = ${height}u * ${tile} + outputOf(me, min(${height}u, p.out${k} - ${tile} * ${height}u));
    if (o < p.out${k}) { ${store} }
  }`;
  if (t.use.kind === 'gatedUnit') {
    return `collect(me, product0(group.x, me, early0), product1(group.x, me, early1));
  ${outputs(0, 'group.x', `y[token * p.out + o] = act(unit * total(0u, me)${biased(0)}).x * (unit * total(1u, me)${biased(1)});`)}`;
  }
  const before = t.use.kind === 'add' ? 'to[token * p.out + o] + ' : '';
  let [firstTile, firstOutput] = [0, 0];
  const branches = t.matrices.map(({ codes }, k) => {
    const tile = `(group.x - ${firstTile}u)`;
    const at = `token * p.out + ${firstOutput}u + o`;
    firstTile += tiles[k]!;
    firstOutput += sizeOf(codes, 0);
    return `if (group.x < ${firstTile}u) {
    collect(me, product${k}(${tile}, me, early));
    ${outputs(k, tile, `y[${at}] = ${before}unit * total(0u, me)${biased(k)};`)}
  }`;
  });
  return branches.join(' else ');
}

/** `outputOf(value, height)`: the row of a tile of so many that a sum belongs to; beyond the matrix if to none. */
function outputOf({ matrices }: GroupedProjections): string {
  const { planes } = kinds[matrices[0]!.codes.dtype as keyof typeof kinds];
  return `
fn outputOf(value: u32, height: u32) -> u32 {
  let lanesOfTile = (height + ${planes - 1}u) / ${planes}u;
  let row = (value / 8u) * lanesOfTile + value % 8u;
  return select(0xf0000000u, row, value % 8u < lanesOfTile && row < height);
}`;
}
