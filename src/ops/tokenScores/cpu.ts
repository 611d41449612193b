import { kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import { tokenScoresOp } from './tokenScores.ts';

export const tokenScoresOnCpu = [
  onCpu(tokenScoresOp, ({ inputs: { logits, labels }, outputs: { scores } }) => {
    const sizes = { rows: rowsOf(logits), width: widthOf(logits) };
    return [kernelCall('tokenScoresForward', { logits, labels, scores, ...sizes })];
  }),
];
