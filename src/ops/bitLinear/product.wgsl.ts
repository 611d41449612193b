/**
 * The ternary product: int8 activations against packed ternary weights, in exact integers.
 *
 * Bytes of a packed row hold the codes (value + 1) of four output rows, two bits each: shifted by 2j and masked,
 * the four bytes of a word are the codes of four columns of output row r + j·packed, ready for a dot product of
 * bytes. Since Σ q·(w + 1) = Σ q·w + Σ q, the sum of a row's activations is subtracted once.
 */
import type { Dispatch, GpuFeatures } from '../../kernels/webgpu/dispatch.ts';
import { rowsOf } from '../../program/shapes.ts';
import { suitsTensorCores, ternaryProductOnTensorCores } from './tensorProduct.wgsl.ts';
import { productSizes, type TernaryProduct, tensorsOf } from './ternaryProduct.ts';
import { wordAt } from './words.wgsl.ts';

/** Up to this many rows read the weights one by one; more share them in tiles. */
const maxSingleRows = 8;

export function ternaryProduct(t: TernaryProduct, { int8Matrices }: GpuFeatures): Dispatch {
  if (rowsOf(t.y) <= maxSingleRows) return rowByRow(t);
  return int8Matrices && suitsTensorCores(t) ? ternaryProductOnTensorCores(t) : inTiles(t);
}

/** Converts sums of the four output rows of one packed row to outputs. */
const writeOutputs = ({ to }: TernaryProduct) => `
fn writeOutputs(token: u32, row: u32, sums: vec4i) {
  let unit = scale[0] * step[p.first + token];
  let values = vec4f(sums - vec4i(sum[p.first + token])) * unit;
  for (var plane = 0u; plane < 4u; plane++) {
    let o = row + plane * p.packed;
    let at = token * p.out + o;
    if (o < p.out) { y[at] = ${to ? 'to[at] + ' : ''}values[plane]; }
  }
}`;

/** `dotWord(a, w)`: four activations with four columns of four output rows. */
export const dotWord = `
fn dotWord(a: u32, w: u32) -> vec4i {
  return vec4i(
    dot4I8Packed(a, w & 0x03030303u),
    dot4I8Packed(a, (w >> 2u) & 0x03030303u),
    dot4I8Packed(a, (w >> 4u) & 0x03030303u),
    dot4I8Packed(a, (w >> 6u) & 0x03030303u),
  );
}`;

/**
 * Up to 64 invocations share a packed row, sixteen columns at a time; a workgroup of 256 takes as many rows as fit.
 */
function rowByRow(t: TernaryProduct): Dispatch {
  const { numbers, packed } = productSizes(t);
  const whole = numbers.width % 16 === 0;
  const load = whole
    ? 'codes[row * p.blocks + block]'
    : `vec4u(${[0, 4, 8, 12].map((k) => `wordAt(row * p.width + 16u * block + ${k}u)`).join(', ')})`;
  const lanes = Math.min(2 ** Math.ceil(Math.log2(numbers.blocks)), 64);
  const rows = 256 / lanes;
  return {
    shader: 'ternaryProductByRow',
    code: `${writeOutputs(t)}${dotWord}${whole ? '' : wordAt(numbers.width)}
var<workgroup> parts: array<vec4i, 256>;

@compute @workgroup_size(${lanes}, ${rows})
fn main(
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
) {
  let row = group.x * ${rows}u + local.y;
  let token = group.y;
  var sums = vec4i();
  if (row < p.packed) {
    for (var block = local.x; block < p.blocks; block += ${lanes}u) {
      let a = q[(p.first + token) * p.blocks + block];
      let w = ${load};
      sums += dotWord(a.x, w.x) + dotWord(a.y, w.y) + dotWord(a.z, w.z) + dotWord(a.w, w.w);
    }
  }
  parts[lane] = sums;
  workgroupBarrier();
  ${lanes > 8 ? sumInEighths(lanes) : ''}
  if (local.x == 0u && row < p.packed) {
    for (var k = 1u; k < ${Math.min(lanes, 8)}u; k++) { sums += parts[lane + k]; }
    writeOutputs(token, row, sums);
  }
}`,
    tensors: tensorsOf(t),
    types: { q: 'vec4u', ...(whole ? { codes: 'vec4u' } : {}) },
    numbers,
    workgroups: [Math.ceil(packed / rows), rowsOf(t.y), 1],
  };
}

/** The sums of a row's lanes, as far as its first eight lanes hold them all. */
function sumInEighths(lanes: number): string {
  return `
  if (local.x < 8u) {
    for (var k = 8u; k < ${lanes}u; k += 8u) { sums += parts[lane + k]; }
    parts[lane] = sums;
  }
  workgroupBarrier();`;
}

/** A workgroup computes 64 tokens × 32 packed rows (128 outputs), from tiles of 64 columns. */
function inTiles(t: TernaryProduct): Dispatch {
  const { numbers, packed } = productSizes(t);
  const tokens = [0, 1, 2, 3];
  const halves = [0, 1];
  return {
    shader: 'ternaryProductInTiles',
    code: `${writeOutputs(t)}${dotWord}${wordAt(numbers.width)}
// Words of four columns: [16 words, 64 tokens], four tokens to a vector, and [16 words, 32 packed rows].
var<workgroup> tileQ: array<vec4u, 256>;
var<workgroup> tileW: array<u32, ${16 * 33}>;

fn activations(token: u32, word: u32) -> u32 {
  if (token < p.rows && word < p.words) { return q[(p.first + token) * p.words + word]; }
  return 0u;
}

@compute @workgroup_size(16, 16)
fn main(
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
) {
  let firstRow = group.x * 32u;
  let firstToken = group.y * 64u;
  let k = lane % 16u;
  let r = lane / 16u;
  ${tokens.flatMap((n) => halves.map((h) => `var s${n}${h} = vec4i();`)).join(' ')}
  for (var first = 0u; first < p.words; first += 16u) {
    let word = first + k;
    let token = firstToken + 4u * r;
    tileQ[k * 16u + r] = vec4u(${tokens.map((n) => `activations(token + ${n}u, word)`).join(', ')});
    for (var h = 0u; h < 2u; h++) {
      let row = firstRow + r + 16u * h;
      var codesHere = 0u;
      if (row < p.packed && 4u * word < p.width) { codesHere = wordAt(row * p.width + 4u * word); }
      tileW[k * 33u + r + 16u * h] = codesHere;
    }
    workgroupBarrier();
    for (var j = 0u; j < 16u; j++) {
      let a = tileQ[j * 16u + local.y];
      let w0 = tileW[j * 33u + local.x];
      let w1 = tileW[j * 33u + local.x + 16u];
      ${tokens.flatMap((n) => halves.map((h) => `s${n}${h} += dotWord(a[${n}], w${h});`)).join('\n      ')}
    }
    workgroupBarrier();
  }
  let row = firstRow + local.x;
  let token = firstToken + 4u * local.y;
  ${tokens
    .map(
      (n) => `if (token + ${n}u < p.rows) {
    if (row < p.packed) { writeOutputs(token + ${n}u, row, s${n}0); }
    if (row + 16u < p.packed) { writeOutputs(token + ${n}u, row + 16u, s${n}1); }
  }`,
    )
    .join('\n  ')}
}`,
    tensors: tensorsOf(t),
    numbers,
    workgroups: [Math.ceil(packed / 32), Math.ceil(rowsOf(t.y) / 64), 1],
  };
}
