import { byColumns, byRows, type KernelCall, kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { scratch } from '../../kernels/scratch.ts';
import type { Tensors } from '../../program/op.ts';
import { normSizes, rmsNormBackwardOp, rmsNormOp } from './rmsNorm.ts';

export const rmsNormOnCpu = [
  onCpu(rmsNormOp, ({ inputs: { x, gamma }, outputs: { y }, attributes: { epsilon } }) => {
    const sizes = normSizes({ x, gamma });
    return [byRows(kernelCall('rmsNormForward', { x, gamma, y, ...sizes, epsilon }), sizes.rows)];
  }),
  onCpu(rmsNormBackwardOp, ({ inputs, outputs, attributes: { epsilon } }) =>
    rmsNormBackwardKernels({ ...inputs, ...outputs }, epsilon),
  ),
];

/** Parts of the rows over which the norm's gradient is summed, whatever the number of threads. */
const maxParts = 64;

/** The kernels of RMSNorm's backward pass, shared by ops that contain a norm. */
export function rmsNormBackwardKernels(
  t: Tensors<'x' | 'gamma' | 'dy' | 'dx' | 'dgamma', 'dxBefore' | 'dgammaBefore'>,
  epsilon: number,
): KernelCall[] {
  const { x, gamma, dy, dx, dgamma } = t;
  const sizes = normSizes(t);
  const parts = Math.min(maxParts, sizes.rows);
  const sums = scratch('parts of dgamma', [parts, sizes.width]);
  return [
    kernelCall('rmsNormBackwardX', { x, gamma, dy, before: t.dxBefore, dx, sums, ...sizes, parts, epsilon }),
    byColumns(
      kernelCall('rmsNormBackwardGamma', { sums, before: t.dgammaBefore, dgamma, width: sizes.width, parts }),
      sizes.width,
    ),
  ];
}
