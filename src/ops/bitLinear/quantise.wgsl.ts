/** The two quantisers of BitLinear: normalised activations to int8, weights to packed ternary. */
import type { Dispatch } from '../../program/op.ts';
import type { Tensor } from '../../program/tensor.ts';
import { partialSums, partsOf } from '../partialSums.wgsl.ts';
import { inverseRms } from '../rmsNorm/kernel.wgsl.ts';
import { rowsOf, widthOf } from '../shapes.ts';
import {
  eachColumn,
  elementKernel,
  overElements,
  overRows,
  rowKernel,
  workgroupCount,
  workgroupMax,
  workgroupSum,
} from '../wgsl.ts';
import { epsilon } from './reference.ts';

/** x [rows, width], norm [width]; q [rows, words·4] int8, four to a word, zero past `width`; step, sum [rows] */
export function quantiseActivations(t: Record<'x' | 'norm' | 'q' | 'step' | 'sum', Tensor>): Dispatch {
  const [rows, width] = [rowsOf(t.x), widthOf(t.x)];
  return {
    shader: 'quantiseActivations',
    code:
      workgroupSum +
      workgroupMax +
      workgroupCount +
      rowKernel(
        width,
        `${inverseRms}
    var top = 0.0;
    ${eachColumn('top = max(top, abs(x[i] * r * norm[c]));')}
    let largest = max(workgroupMax(top, lane), 1e-5);
    let s = 127.0 / largest;
    var total = 0;
    for (var word = lane; word < p.words; word += lanes) {
      var packed = 0u;
      for (var k = 0u; k < 4u; k++) {
        let c = 4u * word + k;
        if (c < p.width) {
          let value = clamp(i32(round(x[row * p.width + c] * r * norm[c] * s)), -128, 127);
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
    }`,
      ),
    tensors: { ...t },
    numbers: { rows, width, words: widthOf(t.q) / 4, epsilon: { f32: epsilon } },
    workgroups: overRows(rows),
  };
}

/** weight [out, width] to packed codes of the same logical shape and their scale [1]; parts is scratch */
export function quantiseWeights(t: Record<'weight' | 'codes' | 'scale' | 'parts', Tensor>): Dispatch[] {
  const [out, width] = t.weight.shape as [number, number];
  const packed = Math.ceil(out / 4);
  return [
    partialSums('weightScaleParts', 'abs(x[i])', t.weight, t.parts),
    {
      shader: 'weightScale',
      code: `
@compute @workgroup_size(1)
fn main() {
  var sum = 0.0;
  for (var n = 0u; n < p.parts; n++) { sum += parts[n]; }
  scale[0] = max(sum / p.count, 1e-5);
}`,
      tensors: { parts: t.parts, scale: t.scale },
      numbers: { parts: partsOf(t.weight.size, t.parts), count: { f32: out * width } },
      workgroups: [1, 1, 1],
    },
    {
      shader: 'packWeights',
      // Rounding w / t to a ternary value is comparing |w| with t / 2; a tie goes to the even 0.
      code: `
fn codeOf(w: f32, half: f32) -> u32 { return 1u + select(0u, 1u, w > half) - select(0u, 1u, w < -half); }
${elementKernel(`
    let half = 0.5 * scale[0];
    var word = 0u;
    for (var k = 0u; k < 4u; k++) {
      let at = 4u * i + k; // of the packed bytes [packed, width]
      for (var plane = 0u; plane < 4u; plane++) {
        let row = at / p.width + plane * p.packed;
        var code = 1u;
        if (row < p.out) { code = codeOf(weight[row * p.width + at % p.width], half); }
        word |= code << (8u * k + 2u * plane);
      }
    }
    codes[i] = word;`)}`,
      tensors: { weight: t.weight, scale: t.scale, codes: t.codes },
      numbers: { size: Math.ceil((packed * width) / 4), out, width, packed },
      workgroups: overElements(Math.ceil((packed * width) / 4)),
    },
  ];
}
