/**
 * Products of rounded activations with grouped codes. A word holds four columns of each row that shares it, ready for
 * dot products of bytes: of four rows in ternary codes, of eight in binary ones. Since Σ q·(w + 1) = Σ q·w + Σ q, and
 * Σ q·(2·bit − 1) = 2·Σ q·bit − Σ q, the sum of the activations is subtracted once for all rows.
 */
import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { floatEntry } from '../../kernels/webgpu/floats.wgsl.ts';
import { rowsOf, sizeOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { groupOf } from './groupedLinear.ts';
import { tileLanes } from './packed.ts';
import { blockSize } from './reference.ts';

/** Rounded activations, codes and scales as the op has them, y [rows, out]. */
export interface GroupedProduct
  extends Readonly<Record<'q' | 'units' | 'unit' | 'codes' | 'scales' | 'y', Tensor>> {
  readonly offsets?: Tensor | undefined;
  readonly bias?: Tensor | undefined;
}

export function groupedProduct(t: GroupedProduct): Dispatch {
  return t.codes.dtype in kinds ? tilesByRow(t) : wideByRow(t);
}

/** Columns whose products are multiplied by one m and one scale. */
function sizesOf({ codes, scales, y }: GroupedProduct) {
  const [width, group] = [widthOf(codes), groupOf(codes, scales)];
  const taken = Math.min(group, blockSize);
  return {
    taken,
    numbers: {
      ...{ rows: rowsOf(y), out: sizeOf(codes, 0), words: width / 4, blocks: Math.ceil(width / blockSize) },
      ...{
        groups: width / group,
        pieces: width / taken,
        perBlock: blockSize / taken,
        perGroup: group / taken,
      },
    },
  };
}

const tensorsOf = ({ q, units, unit, codes, scales, offsets, bias, y }: GroupedProduct) => ({
  ...{ q, units, unit, codes, scales, offsets, bias, y },
});

const scaleAt = (scales: Tensor) =>
  `fn scaleAt(at: u32) -> f32 { return ${floatEntry('scales', scales.dtype)}; }`;

const biased = (bias: Tensor | undefined, at: string) => (bias ? ` + bias[${at}]` : '');

/** What kinds of tiles differ in: rows that share a byte, and the worth of a code. */
export const kinds = {
  ternary: { planes: 4, mask: '0x03030303u', value: (sum: string) => `${sum} - all` },
  binary: { planes: 8, mask: '0x01010101u', value: (sum: string) => `2 * ${sum} - all` },
} as const;

/** Words of activations that a piece of columns has. */
const wordsOf = (taken: number) => Array.from({ length: taken / 4 }, (_, i) => i);

/** `w0`, `w1`, …: words of codes of a piece, of four lanes each, loaded together: one waits as long as all. */
export function pieceLoads(taken: number, lanes: (word: string) => string): string {
  return wordsOf(taken)
    .map((i) => `let w${i} = ${lanes(`first + ${i}u`)};`)
    .join(' ');
}

/** `all` and sums s0, s1, … of a piece in each plane, from `pieceLoads` and words of activations. */
export function pieceSums(
  { planes, mask }: (typeof kinds)[keyof typeof kinds],
  taken: number,
  q: (word: string) => string,
): string {
  const each = Array.from({ length: planes }, (_, j) => j);
  const steps = wordsOf(taken).map(
    (i) => `{
      let a = ${q(`first + ${i}u`)};
      all += dot4I8Packed(a, 0x01010101u);
      ${each.map((j) => `s${j} += dots(a, (w${i} >> vec4u(${(8 / planes) * j}u)) & vec4u(${mask}));`).join('\n      ')}
    }`,
  );
  return `
    var all = 0;
    ${each.map((j) => `var s${j} = vec4i();`).join(' ')}
    ${steps.join('\n    ')}`;
}

/** Dot products of a word with four others. */
export const dots = `
fn dots(a: u32, w: vec4u) -> vec4i {
  return vec4i(dot4I8Packed(a, w.x), dot4I8Packed(a, w.y), dot4I8Packed(a, w.z), dot4I8Packed(a, w.w));
}`;

/** A workgroup computes a tile of outputs of one row; an invocation, four lanes of it in every piece of columns. */
function tilesByRow(t: GroupedProduct): Dispatch {
  const kind = kinds[t.codes.dtype as keyof typeof kinds];
  const { planes, value } = kind;
  const { taken, numbers } = sizesOf(t);
  const height = planes * tileLanes;
  const slots = 2 * planes;
  const invocations = Math.min(Math.max(2 ** Math.ceil(Math.log2(2 * numbers.pieces)), slots), 1024 / planes);
  const each = Array.from({ length: planes }, (_, j) => j);
  return {
    shader: 'groupedByRow',
    code: `
var<workgroup> parts: array<vec4f, ${invocations * planes}>;
${dots}

@compute @workgroup_size(${invocations})
fn main(@builtin(local_invocation_index) me: u32, @builtin(workgroup_id) group: vec3u) {
  let tile = group.x;
  let token = group.y;
  let height = min(${height}u, p.out - tile * ${height}u);
  let lanes = (height + ${planes - 1}u) / ${planes}u;
  let half = me & 1u;
  ${each.map((j) => `var sum${j} = vec4f();`).join(' ')}
  for (var piece = me >> 1u; piece < p.pieces; piece += ${invocations / 2}u) {
    let first = piece * ${taken / 4}u;
    ${pieceLoads(taken, (word) => `fourLanes(tile, lanes, half, ${word})`)}
    let scaled = ${height}u * tile * p.groups + (piece / p.perGroup) * height + 4u * half;
    ${each.map((j) => `let scales${j} = fourScales(scaled + ${j}u * lanes);`).join(' ')}
    let m = units[token * p.blocks + piece / p.perBlock];
    ${pieceSums(kind, taken, (word) => `q[token * p.words + ${word}]`)}
    ${each.map((j) => `sum${j} += vec4f((${value(`s${j}`)}) * m) * scales${j};`).join('\n    ')}
  }
  ${each.map((j) => `parts[${j * invocations}u + me] = sum${j};`).join(' ')}
  workgroupBarrier();
  // Invocations add up ${planes} pieces each of a plane and a half, then those of the first piece add up the rest.
  let slot = me % ${slots}u;
  let start = (slot >> 1u) * ${invocations}u + (me / ${slots}u) * ${slots}u + (slot & 1u);
  var total = vec4f();
  for (var k = 0u; k < ${planes}u; k++) { total += parts[start + 2u * k]; }
  workgroupBarrier();
  parts[me] = total;
  workgroupBarrier();
  if (me < ${slots}u) {
    for (var k = ${slots}u; k < ${invocations}u; k += ${slots}u) { total += parts[me + k]; }
    for (var l = 0u; l < 4u; l++) {
      let lane = 4u * (me & 1u) + l;
      let row = (me >> 1u) * lanes + lane;
      let o = ${height}u * tile + row;
      if (lane < lanes && row < height) { y[token * p.out + o] = unit[token] * total[l]${biased(t.bias, 'o')}; }
    }
  }
}
${tileLoads(t).code}`,
    tensors: tensorsOf(t),
    types: tileLoads(t).types,
    numbers,
    workgroups: [Math.ceil(numbers.out / height), numbers.rows, 1],
  };
}

/** `fourLanes` and `fourScales`, which load four neighbouring lanes and their scales, and the types of their arrays. */
export function tileLoads({ codes, scales }: { readonly codes: Tensor; readonly scales: Tensor }) {
  const height = kinds[codes.dtype as keyof typeof kinds].planes * tileLanes;
  if (sizeOf(codes, 0) % height > 0) return { code: brokenTiles(scales), types: {} };
  const types = { codes: 'vec4u', scales: scales.dtype === 'f16' ? 'vec2u' : 'vec4f' };
  return { code: wholeTiles(scales), types };
}

/** Where all tiles are whole. */
const wholeTiles = (scales: Tensor) => `
fn fourLanes(tile: u32, lanes: u32, half: u32, word: u32) -> vec4u {
  return codes[(tile * p.words + word) * 2u + half];
}
fn fourScales(at: u32) -> vec4f {
  let four = scales[at / 4u];
  return ${scales.dtype === 'f16' ? 'vec4f(unpack2x16float(four.x), unpack2x16float(four.y))' : 'four'};
}`;

/** Where the last tile may have fewer lanes: what is beyond them is not used. */
const brokenTiles = (scales: Tensor) => `
${scaleAt(scales)}
fn fourLanes(tile: u32, lanes: u32, half: u32, word: u32) -> vec4u {
  let at = tile * p.words * ${tileLanes}u + word * lanes + 4u * half;
  let last = arrayLength(&codes) - 1u;
  return vec4u(codes[min(at, last)], codes[min(at + 1u, last)], codes[min(at + 2u, last)], codes[min(at + 3u, last)]);
}
fn fourScales(at: u32) -> vec4f {
  let last = p.out * p.groups - 1u;
  return vec4f(scaleAt(min(at, last)), scaleAt(min(at + 1u, last)), scaleAt(min(at + 2u, last)), scaleAt(min(at + 3u, last)));
}`;

/** Sixteen codes of output `o` from column 16·`at` on, a byte each. */
const sixteenCodes = {
  i8: 'codes[o * (p.words / 4u) + at]',
  u4: '(codes[(o * (p.words / 4u) + at) / 2u] >> vec4u(4u * (at % 2u))) & vec4u(0x0f0f0f0fu)',
};

/** 64 invocations share an output, a piece of columns at a time; a workgroup computes four outputs of one row. */
function wideByRow(t: GroupedProduct): Dispatch {
  const { taken, numbers } = sizesOf(t);
  return {
    shader: 'groupedWideByRow',
    code: `
var<workgroup> parts: array<f32, 256>;
${scaleAt(t.scales)}

@compute @workgroup_size(64, 4)
fn main(
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
) {
  let o = group.x * 4u + local.y;
  let token = group.y;
  var sum = 0.0;
  if (o < p.out) {
    for (var piece = local.x; piece < p.pieces; piece += 64u) {
      var whole = 0;
      ${t.offsets ? 'var all = 0;' : ''}
      for (var k = 0u; k < ${taken / 16}u; k++) {
        let at = piece * ${taken / 16}u + k;
        let a = q[token * (p.words / 4u) + at];
        let w = ${sixteenCodes[t.codes.dtype as keyof typeof sixteenCodes]};
        whole += dot4I8Packed(a.x, w.x) + dot4I8Packed(a.y, w.y) + dot4I8Packed(a.z, w.z) + dot4I8Packed(a.w, w.w);
        ${t.offsets ? `all += ${['x', 'y', 'z', 'w'].map((k) => `dot4I8Packed(a.${k}, 0x01010101u)`).join(' + ')};` : ''}
      }
      let m = units[token * p.blocks + piece / p.perBlock];
      let at = o * p.groups + piece / p.perGroup;
      sum += f32(whole) * (f32(m) * scaleAt(at))${t.offsets ? ' + f32(all * m) * offsets[at]' : ''};
    }
  }
  parts[lane] = sum;
  workgroupBarrier();
  if (local.x < 8u) {
    for (var k = 8u; k < 64u; k += 8u) { sum += parts[lane + k]; }
    parts[lane] = sum;
  }
  workgroupBarrier();
  if (local.x == 0u && o < p.out) {
    for (var k = 1u; k < 8u; k++) { sum += parts[lane + k]; }
    y[token * p.out + o] = unit[token] * sum${biased(t.bias, 'o')};
  }
}`,
    tensors: tensorsOf(t),
    types: { q: 'vec4u', codes: 'vec4u' },
    numbers,
    workgroups: [Math.ceil(numbers.out / 4), numbers.rows, 1],
  };
}
