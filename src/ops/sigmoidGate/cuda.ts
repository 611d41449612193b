import { onCuda } from '../../kernels/cuda/lowering.ts';
import { eachElement, overElements } from '../../kernels/cuda/shapes.ts';
import { sigmoidGateBackwardOp, sigmoidGateOp } from './sigmoidGate.ts';

export const sigmoidGateOnCuda = [
  onCuda(sigmoidGateOp, ({ inputs, outputs }) => [
    {
      kernel: 'sigmoidGate',
      body: eachElement('y[i] = sigmoid(x[i]) * h[i];'),
      tensors: { ...inputs, ...outputs },
      numbers: { size: inputs.x.size },
      ...overElements(inputs.x.size),
    },
  ]),
  onCuda(sigmoidGateBackwardOp, ({ inputs, outputs }) => [
    {
      kernel: 'sigmoidGateBackward',
      body: eachElement(`
    const float s = sigmoid(x[i]), d = dy[i], state = h[i];
    dx[i] = d * state * s * (1.f - s);
    dh[i] = d * s;`),
      tensors: { ...inputs, ...outputs },
      numbers: { size: inputs.x.size },
      ...overElements(inputs.x.size),
    },
  ]),
];
