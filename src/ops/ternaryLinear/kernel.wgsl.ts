import type { Dispatch } from '../../program/op.ts';
import type { Tensor } from '../../program/tensor.ts';
import { rowsOf, widthOf } from '../shapes.ts';
import { eachColumn, overRows, rowKernel } from '../wgsl.ts';

/** x [rows, width]; q [rows, words·4] int8, four to a word, zero past `width`; step, sum [rows] */
export function quantiseRows(t: Record<'x' | 'q' | 'step' | 'sum', Tensor>): Dispatch {
  const [rows, width] = [rowsOf(t.x), widthOf(t.x)];
  return {
    shader: 'quantiseRows',
    code: rowKernel(
      width,
      `
    var top = 0.0;
    ${eachColumn('top = max(top, abs(x[i]));')}
    let largest = max(workgroupMax(top, lane), 1e-5);
    let s = 127.0 / largest;
    var total = 0;
    for (var word = lane; word < p.words; word += lanes) {
      var packed = 0u;
      for (var k = 0u; k < 4u; k++) {
        let c = 4u * word + k;
        if (c < p.width) {
          let value = clamp(i32(round(x[row * p.width + c] * s)), -128, 127);
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
    numbers: { rows, width, words: widthOf(t.q) / 4 },
    workgroups: overRows(rows),
  };
}
