import { kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { scratch } from '../../kernels/scratch.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import { crossEntropyBackwardOp, crossEntropyOp } from './crossEntropy.ts';

export const crossEntropyOnCpu = [
  onCpu(
    crossEntropyOp,
    ({ inputs: { logits, labels, counted }, outputs: { loss, logSums }, attributes: { weight } }) => {
      const rows = rowsOf(logits);
      const losses = scratch('losses', [rows]);
      const countedRows = counted.size;
      return [
        kernelCall('crossEntropyRows', { logits, labels, logSums, losses, rows, width: widthOf(logits) }),
        kernelCall('crossEntropyMean', { losses, counted, loss, rows, countedRows, weight }),
      ];
    },
  ),
  onCpu(crossEntropyBackwardOp, ({ inputs, outputs, attributes: { weight } }) => {
    const { logits, counted } = inputs;
    const sizes = { rows: rowsOf(logits), width: widthOf(logits), countedRows: counted.size };
    return [kernelCall('crossEntropyBackward', { ...inputs, ...outputs, ...sizes, weight })];
  }),
];
