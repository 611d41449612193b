import { onWebGpu } from '../../kernels/webgpu/lowering.ts';
import { present } from '../../program/op.ts';
import { adamwOp, clipOp, sumOfSquaresOp } from './adamw.ts';
import { adamwStep, clipCoefficient, sumOfSquares } from './kernel.wgsl.ts';

export const adamwOnWebGpu = [
  onWebGpu(adamwOp, ({ inputs, outputs, attributes: { decay } }) => [
    adamwStep({ ...inputs, ...outputs }, decay),
  ]),
  onWebGpu(sumOfSquaresOp, ({ inputs, outputs }) => sumOfSquares(present(inputs), outputs.squares)),
  onWebGpu(clipOp, ({ inputs: { squares, settings }, outputs: { clip } }) => [
    clipCoefficient(squares, settings, clip),
  ]),
];
