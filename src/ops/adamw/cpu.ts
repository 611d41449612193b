import { kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { scratch } from '../../kernels/scratch.ts';
import { present } from '../../program/op.ts';
import { adamwOp, clipOp, sumOfSquaresOp } from './adamw.ts';

/** Number of parts of the sum of squares, whatever the number of threads, so that results never depend on it. */
const parts = 64;

export const adamwOnCpu = [
  onCpu(adamwOp, ({ inputs, outputs, attributes: { decay } }) => [
    kernelCall('adamw', { ...inputs, ...outputs, size: inputs.w.size, decay }),
  ]),
  onCpu(sumOfSquaresOp, ({ inputs, outputs: { squares: total } }) => {
    const sums = scratch('parts', [parts]);
    return present(inputs).flatMap((x, n) => [
      kernelCall('sumOfSquaresParts', { x, sums, size: x.size, parts }),
      kernelCall('sumOfSquaresTotal', { sums, before: n > 0 ? total : undefined, total, parts }),
    ]);
  }),
  onCpu(clipOp, ({ inputs, outputs }) => [kernelCall('clipCoefficient', { ...inputs, ...outputs })]),
];
