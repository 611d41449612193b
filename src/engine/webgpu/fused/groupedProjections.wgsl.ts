/**
 * Grouped matrices times one row, or a few: every workgroup normalises and rounds the whole row, which costs less than
 * another dispatch, then computes a tile of outputs. Formulas: groupedLinear.ts.
 */
import type { Dispatch, GpuFeatures } from '../../../kernels/webgpu/dispatch.ts';
import { lowest } from '../../../ops/attention/heads.wgsl.ts';
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

/** Invocations of a workgroup, and vectors of four columns that one holds in registers. */
const [minLanes, maxLanes, maxLoads] = [16, 128, 16];
/** Workgroups that may each round the row; for more, rounding it once is faster. */
const maxTiles = 1024;
/** Memory of a workgroup on every device, less what sums over a workgroup take. */
const workgroupBytes = 16384 - 1024;

/** How the work is divided. */
function cut({ x, matrices }: GroupedProjections) {
  const { codes, scales } = matrices[0]!;
  const kind = kinds[codes.dtype as keyof typeof kinds];
  const [width, group] = [widthOf(x), groupOf(codes, scales)];
  const taken = Math.min(group, blockSize);
  const pieces = width / taken;
  const lanes = Math.min(Math.max(2 ** Math.ceil(Math.log2(2 * pieces)), minLanes), maxLanes);
  const height = kind.planes * tileLanes;
  const tiles = matrices.map((matrix) => Math.ceil(sizeOf(matrix.codes, 0) / height));
  const loads = Math.ceil(width / 4 / lanes);
  return { kind, width, group, taken, pieces, lanes, height, tiles, loads };
}

const isOfTiles = ({ matrices }: GroupedProjections) => matrices.every(({ codes }) => codes.dtype in kinds);

export function suitsGrouped(
  t: GroupedProjections,
  heads: HeadsToPages | undefined,
  { maxBindings }: GpuFeatures,
): boolean {
  if (!isOfTiles(t)) return false;
  const { width, lanes, tiles, loads } = cut(t);
  const bytes = 4 * 16 * lanes + width + (4 * width) / blockSize;
  const bindings = Math.max(
    present(projectionInputs(t)).length + 1,
    heads ? present(headTensors(heads)).length : 0,
  );
  return (
    width % blockSize === 0 &&
    loads <= maxLoads &&
    bytes <= workgroupBytes &&
    Math.max(...tiles) <= maxTiles &&
    bindings <= maxBindings
  );
}

export function groupedProjections(t: GroupedProjections): Dispatch {
  const { width, lanes, tiles, loads, pieces, taken, group } = cut(t);
  const words = width / 4;
  const each = (body: (k: number, at: string) => string) =>
    Array.from({ length: loads }, (_, k) => {
      const at = `(me + ${k * lanes}u)`;
      return (k + 1) * lanes <= words ? body(k, at) : `if (${at} < ${words}u) { ${body(k, at)} }`;
    }).join('\n  ');
  const outs = t.matrices.map(({ codes }) => sizeOf(codes, 0));
  const types = Object.fromEntries(
    t.matrices.flatMap((matrix, k) =>
      Object.entries(tileLoads(matrix).types).map(([name, type]) => [`${name}${k}`, type]),
    ),
  );
  return {
    shader: `grouped.${t.parts ? 'merged.' : ''}${t.norm ? 'rmsNorm' : 'none'}.${t.matrices.length}.${t.use.kind}`,
    code: `
const lanes = ${lanes}u;
var<workgroup> q: array<u32, ${words}>;
var<workgroup> m: array<i32, ${width / blockSize}>;
var<workgroup> parts: array<vec4f, ${4 * lanes}>;
${t.use.kind === 'gatedUnit' ? act[t.use.activation] : ''}
${dots}
${int8Four}
${t.parts ? mergedParts(t.parts) : ''}
alias Codes = array<vec4u, ${taken / 4}>;
${t.matrices.map((matrix, k) => loadsOf(matrix, k) + product(t, k)).join('')}

@compute @workgroup_size(lanes)
fn main(@builtin(local_invocation_index) me: u32, @builtin(workgroup_id) group: vec3u) {
  let token = group.y;
  ${early(t, tiles)}
  ${Array.from({ length: loads }, (_, k) => `var v${k} = vec4f(); var g${k} = vec4f();`).join(' ')}
  ${each((k, at) => `v${k} = ${t.parts ? `merged(${at})` : `x[token * ${words}u + ${at}]`};${t.norm ? ` g${k} = gamma[${at}];` : ''}`)}
  ${t.norm ? normalised(loads) : ''}
  var top = 0.0;
  ${each((k) => `top = max(top, largestOf(v${k}));`)}
  let unit = max(workgroupMax(top, me), ${smallest}) / ${unitParts}.0;
  // The largest of each vector lies where its codes will.
  ${each((k, at) => `q[${at}] = bitcast<u32>(largestOf(v${k}));`)}
  workgroupBarrier();
  ${Array.from({ length: loads }, (_, k) => `var m${k} = 0.0;`).join(' ')}
  ${each(
    (k, at) => `for (var i = 0u; i < 8u; i++) { m${k} = max(m${k}, bitcast<f32>(q[(${at} & ~7u) + i])); }
  m${k} = min(floor(m${k} / (127.0 * unit)) + 1.0, 4095.0);`,
  )}
  workgroupBarrier();
  ${each((k, at) => `q[${at}] = packed(rounded(v${k} / (m${k} * unit))); if (${at} % 8u == 0u) { m[${at} / 8u] = i32(m${k}); }`)}
  workgroupBarrier();
  ${uses(t, tiles)}
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

/** `merged(at)`: four columns of Σ_z e^(top_z − top)·value_z / Σ_z e^(top_z − top)·sum_z, over the parts z of their head. */
function mergedParts({ parts, headSize }: PartsOfHeads): string {
  const fours = headSize / 4;
  return `
fn merged(at: u32) -> vec4f {
  let begin = (at / ${fours}u) * ${parts * (fours + 1)}u;
  let end = begin + min(${parts}u, u32(positions[0]) / ${pageSize}u + 1u) * ${fours + 1}u;
  var top = ${lowest};
  for (var part = begin; part < end; part += ${fours + 1}u) { top = max(top, x[part + ${fours}u].x); }
  var sum = 0.0;
  var value = vec4f();
  for (var part = begin; part < end; part += ${fours + 1}u) {
    let last = x[part + ${fours}u];
    let weight = exp(last.x - top);
    sum += weight * last.y;
    value += weight * x[part + at % ${fours}u];
  }
  return value / sum;
}`;
}

/** The row becomes x·r·γ. */
function normalised(loads: number): string {
  const each = Array.from({ length: loads }, (_, k) => k);
  return `let squares = ${each.map((k) => `dot(v${k}, v${k})`).join(' + ')};
  let r = 1.0 / sqrt(workgroupSum(squares, me) / f32(4u * p.words) + p.epsilon);
  ${each.map((k) => `v${k} *= r * g${k};`).join(' ')}`;
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
 * `product<k>(tile, me, early)`: for me < 2 · planes, four outputs of the tile in units of the row: of plane me / 2, lanes
 * 4·(me % 2) on. Four planes at a time are summed over the workgroup. `early` are codes of the first piece.
 */
function product(t: GroupedProjections, k: number): string {
  const { kind, taken, lanes, height } = cut(t);
  const planes = Array.from({ length: kind.planes }, (_, j) => j);
  const rounds = Array.from({ length: kind.planes / 4 }, (_, round) => 4 * round);
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

fn product${k}(tile: u32, me: u32, early: Codes) -> vec4f {
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
  var found = vec4f();
  ${rounds
    .map(
      (first) => `{
    ${[0, 1, 2, 3].map((j) => `parts[${j * lanes}u + me] = sum${first + j};`).join(' ')}
    workgroupBarrier();
    let start = ((me % 8u) >> 1u) * lanes + (me / 8u) * 8u + half;
    let total = parts[start] + parts[start + 2u] + parts[start + 4u] + parts[start + 6u];
    workgroupBarrier();
    parts[me] = total;
    workgroupBarrier();
    if (me / 8u == ${first / 4}u) {
      for (var i = me % 8u; i < lanes; i += 8u) { found += parts[i]; }
    }
    workgroupBarrier();
  }`,
    )
    .join('\n  ')}
  return found;
}`;
}

/** What the workgroup does with its tile. */
function uses(t: GroupedProjections, tiles: readonly number[]): string {
  const biased = (k: number) => (t.matrices[k]!.bias ? ` + bias${k}[o]` : '');
  if (t.use.kind === 'gatedUnit') {
    return `let gates = product0(group.x, me, early0);
  let ups = product1(group.x, me, early1);
  ${eachOutput(t, 0, 'group.x', `y[token * p.out + o] = act(unit * gates[l]${biased(0)}).x * (unit * ups[l]${biased(1)});`)}`;
  }
  const before = t.use.kind === 'add' ? 'to[token * p.out + o] + ' : '';
  let [firstTile, firstOutput] = [0, 0];
  const branches = t.matrices.map(({ codes }, k) => {
    const tile = `(group.x - ${firstTile}u)`;
    const at = `token * p.out + ${firstOutput}u + o`;
    firstTile += tiles[k]!;
    firstOutput += sizeOf(codes, 0);
    return `if (group.x < ${firstTile}u) {
    let sums = product${k}(${tile}, me, early);
    ${eachOutput(t, k, tile, `y[${at}] = ${before}unit * sums[l]${biased(k)};`)}
  }`;
  });
  return branches.join(' else ');
}

/** `store` for each output `o` of tile `tile` of matrix k that exists; component `l` of the product is its. */
function eachOutput(t: GroupedProjections, k: number, tile: string, store: string): string {
  const { kind, height } = cut(t);
  return `if (me < ${2 * kind.planes}u) {
    let height = min(${height}u, p.out${k} - ${tile} * ${height}u);
    let lanesOfTile = (height + ${kind.planes - 1}u) / ${kind.planes}u;
    for (var l = 0u; l < 4u; l++) {
      let lane = 4u * (me & 1u) + l;
      let row = (me >> 1u) * lanesOfTile + lane;
      let o = ${height}u * ${tile} + row;
      if (lane < lanesOfTile && row < height) { ${store} }
    }
  }`;
}
