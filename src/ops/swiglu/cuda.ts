import { onCuda } from '../../kernels/cuda/lowering.ts';
import { eachElement, overElements } from '../../kernels/cuda/shapes.ts';
import { widthOf } from '../../program/shapes.ts';
import { swigluBackwardOp, swigluOp } from './swiglu.ts';

export const swigluOnCuda = [
  onCuda(swigluOp, ({ inputs: { x }, outputs: { y } }) => [
    {
      kernel: 'swiglu',
      body: eachElement(`
    const unsigned g = i + i / width * width;
    y[i] = silu(x[g]) * x[g + width];`),
      tensors: { x, y },
      numbers: { size: y.size, width: widthOf(y) },
      ...overElements(y.size),
    },
  ]),
  onCuda(swigluBackwardOp, ({ inputs: { x, dy }, outputs: { dx } }) => [
    {
      kernel: 'swigluBackward',
      body: eachElement(`
    const unsigned g = i + i / width * width;
    const float gate = x[g], up = x[g + width], d = dy[i], s = sigmoid(gate);
    dx[g] = d * up * siluSlope(gate, s);
    dx[g + width] = d * gate * s;`),
      tensors: { x, dy, dx },
      numbers: { size: dy.size, width: widthOf(dy) },
      ...overElements(dy.size),
    },
  ]),
];
