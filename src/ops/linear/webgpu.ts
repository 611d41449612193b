import { onWebGpu } from '../../kernels/webgpu/lowering.ts';
import { linearBackward, linearForward } from './kernel.wgsl.ts';
import { linearBackwardOp, linearOp } from './linear.ts';
import * as onTensorCores from './tensorCores.wgsl.ts';

export const linearOnWebGpu = [
  onWebGpu(linearOp, ({ inputs: { x, weight, scales }, outputs: { y } }, features) =>
    onTensorCores.suits(x, weight, features)
      ? onTensorCores.linearForward(x, weight, y)
      : [linearForward(x, { weight, scales }, y)],
  ),
  onWebGpu(
    linearBackwardOp,
    ({ inputs: { x, weight, dy, dxBefore, dWeightBefore }, outputs: { dx, dWeight } }, features) => {
      const all = { x, weight, dy, dx, dWeight, before: { dx: dxBefore, dWeight: dWeightBefore } };
      return onTensorCores.suits(x, weight, features)
        ? onTensorCores.linearBackward(all)
        : linearBackward(all);
    },
  ),
];
