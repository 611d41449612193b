/** The two quantisers of BitLinear: normalised activations to int8, weights to packed ternary. */

import { scratch } from '../../kernels/scratch.ts';
import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { elementKernelAfterSum, partialSums, sumParts } from '../../kernels/webgpu/sums.wgsl.ts';
import { cutRow, eachColumn, overElements, overRows, rowKernel } from '../../kernels/webgpu/wgsl.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { inverseRms } from '../rmsNorm/kernel.wgsl.ts';
import { epsilon } from './reference.ts';

/** The largest magnitude of four numbers, the conversion of four numbers to int8, and the sum of those in a word. */
export const int8Four = `
fn largestOf(four: vec4f) -> f32 {
  let pair = max(abs(four.xy), abs(four.zw));
  return max(pair.x, pair.y);
}

fn rounded(value: vec4f) -> vec4i { return clamp(vec4i(round(value)), vec4i(-128), vec4i(127)); }

fn packed(four: vec4i) -> u32 {
  let bytes = (vec4u(four) & vec4u(0xffu)) << vec4u(0u, 8u, 16u, 24u);
  return bytes.x | bytes.y | bytes.z | bytes.w;
}
`;

/** Loads of four columns that a lane keeps in registers; further columns are read again. */
const maxKept = 8;

/** x [rows, width], norm [width]; q [rows, words·4] int8, four to a word, zero past `width`; step, sum [rows] */
export function quantiseActivations(t: Record<'x' | 'norm' | 'q' | 'step' | 'sum', Tensor>): Dispatch {
  return widthOf(t.x) % 4 === 0 ? quantiseFours(t) : quantiseSingly(t);
}

/** For rows of whole groups of four columns: a lane loads each group once, as a vector. */
function quantiseFours(t: Record<'x' | 'norm' | 'q' | 'step' | 'sum', Tensor>): Dispatch {
  const [rows, width, words] = [rowsOf(t.x), widthOf(t.x), widthOf(t.q) / 4];
  // Many rows keep the device busy with fewer lanes each.
  const { fours, lanes, loads } = cutRow(width, rows > 64 ? 4 : 1);
  const kept = Math.min(loads, maxKept);
  const loop = (body: (value: string, at: string) => string) => `
    ${Array.from({ length: kept }, (_, k) => body(`v${k}`, `(lane + ${k * lanes}u)`)).join('\n    ')}
    ${loads > kept ? `for (var at = lane + ${kept * lanes}u; at < p.fours; at += ${lanes}u) { let far = x[row * p.fours + at]; ${body('far', 'at')} }` : ''}`;
  return {
    shader: 'quantiseActivations',
    code: `
const lanes = ${lanes}u;

fn normed(value: vec4f, at: u32, r: f32) -> vec4f {
  if (at >= p.fours) { return vec4f(); }
  return value * r * norm[at];
}

${int8Four}
@compute @workgroup_size(lanes)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  for (var row = group.x; row < p.rows; row += groups.x) {
    ${Array.from(
      { length: kept },
      (_, k) =>
        `var v${k} = vec4f();
    if (lane + ${k * lanes}u < p.fours) { v${k} = x[row * p.fours + lane + ${k * lanes}u]; }`,
    ).join('\n    ')}
    var squares = 0.0;
    ${loop((value) => `squares += dot(${value}, ${value});`)}
    let r = 1.0 / sqrt(workgroupSum(squares, lane) / f32(p.width) + p.epsilon);
    var top = vec4f();
    ${loop((value, at) => `top = max(top, abs(normed(${value}, ${at}, r)));`)}
    let largest = max(workgroupMax(max(max(top.x, top.y), max(top.z, top.w)), lane), 1e-5);
    let s = 127.0 / largest;
    var total = vec4i();
    ${loop(
      (value, at) => `{
      let four = rounded(normed(${value}, ${at}, r) * s);
      total += four;
      if (${at} < p.words) { q[row * p.words + ${at}] = packed(four); }
    }`,
    )}
    for (var at = ${loads * lanes}u + lane; at < p.words; at += lanes) { q[row * p.words + at] = 0u; }
    let count = workgroupCount(total.x + total.y + total.z + total.w, lane);
    if (lane == 0u) {
      step[row] = largest / 127.0;
      sum[row] = count;
    }
  }
}`,
    tensors: { ...t },
    types: { x: 'vec4f', norm: 'vec4f' },
    numbers: { rows, width, fours, words, epsilon: { f32: epsilon } },
    workgroups: overRows(rows),
  };
}

function quantiseSingly(t: Record<'x' | 'norm' | 'q' | 'step' | 'sum', Tensor>): Dispatch {
  const [rows, width] = [rowsOf(t.x), widthOf(t.x)];
  return {
    shader: 'quantiseActivations',
    code: rowKernel(
      width,
      `${inverseRms}
    ${int8Row((x) => `${x} * r * norm[c]`)}`,
    ),
    tensors: { ...t },
    numbers: { rows, width, words: widthOf(t.q) / 4, epsilon: { f32: epsilon } },
    workgroups: overRows(rows),
  };
}

/** In a row kernel: converts the row to int8, four columns to a word, with step and sum; `value` computes it from x. */
export function int8Row(value: (x: string) => string): string {
  return `
    var top = 0.0;
    ${eachColumn(`top = max(top, abs(${value('x[i]')}));`)}
    let largest = max(workgroupMax(top, lane), 1e-5);
    let s = 127.0 / largest;
    var total = 0;
    for (var word = lane; word < p.words; word += lanes) {
      var packed = 0u;
      for (var k = 0u; k < 4u; k++) {
        let c = 4u * word + k;
        if (c < p.width) {
          let value = clamp(i32(round(${value('x[row * p.width + c]')} * s)), -128, 127);
          total += value;
          packed |= (u32(value) & 0xffu) << (8u * k);
        }
      }
      q[row * p.words + word] = packed;
    }
    total = workgroupCount(total, lane);
    if (lane == 0u) {
      step[row] = largest / 127.0;
      sum[row] = total;
    }`;
}

/** weight [out, width] to packed codes of the same logical shape and their scale [1] */
export function quantiseWeights({ weight, codes, scale }: Record<'weight' | 'codes' | 'scale', Tensor>) {
  const [out, width] = weight.shape as [number, number];
  const packed = Math.ceil(out / 4);
  const size = Math.ceil((packed * width) / 4);
  const parts = scratch('weightScale.parts', [sumParts(weight)]);
  const pack: Dispatch = {
    shader: 'packWeights',
    // Rounding w / t to a ternary value is comparing |w| with t / 2; a tie goes to the even 0.
    code: `
fn codeOf(w: f32, half: f32) -> u32 { return 1u + select(0u, 1u, w > half) - select(0u, 1u, w < -half); }
${elementKernelAfterSum(
  `let found = max(total / p.count, 1e-5);
  let half = 0.5 * found;
  if (id.x == 0u) { scale[0] = found; }`,
  `var word = 0u;
    for (var k = 0u; k < 4u; k++) {
      let at = 4u * i + k; // index into the packed bytes [packed, width]
      for (var plane = 0u; plane < 4u; plane++) {
        let row = at / p.width + plane * p.packed;
        var code = 1u;
        if (row < p.out) { code = codeOf(weight[row * p.width + at % p.width], half); }
        word |= code << (8u * k + 2u * plane);
      }
    }
    codes[i] = word;`,
)}`,
    tensors: { parts, weight, scale, codes },
    numbers: { size, out, width, packed, parts: parts.size, count: { f32: out * width } },
    workgroups: overElements(size),
  };
  return [partialSums('weightScale', weight, 'abs(x[i])', parts), pack];
}
