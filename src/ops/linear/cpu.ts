import { gemm, storage } from '../../kernels/cpu/gemm.ts';
import { kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import { linearBackwardOp, linearOp } from './linear.ts';

export const linearOnCpu = [
  onCpu(linearOp, ({ inputs: { x, weight, scales }, outputs: { y } }) => {
    const [rows, width, out] = [rowsOf(x), widthOf(x), widthOf(y)];
    const kind = storage.alongK[weight.dtype as keyof typeof storage.alongK];
    const matrix = { b: weight, kind, rowStride: width, rowScale: scales };
    return [kernelCall('linearForward', gemm({ c: y, a: x, ...matrix, rows, columns: out, depth: width }))];
  }),
  onCpu(
    linearBackwardOp,
    ({ inputs: { x, weight, dy, dxBefore, dWeightBefore }, outputs: { dx, dWeight } }) => {
      const [rows, width, out] = [rowsOf(x), widthOf(x), widthOf(dy)];
      const shared = { kind: storage.floats, rowStride: width, columns: width };
      const ofInput = { c: dx, before: dxBefore, a: dy, b: weight, rows, depth: out };
      const ofWeight = { c: dWeight, before: dWeightBefore, a: dy, transposed: true, b: x };
      return [
        kernelCall('linearBackward', gemm({ ...ofInput, ...shared })),
        kernelCall('linearBackward', gemm({ ...ofWeight, ...shared, rows: out, depth: rows })),
      ];
    },
  ),
];
