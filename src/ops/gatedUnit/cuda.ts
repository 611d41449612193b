import { onCuda } from '../../kernels/cuda/lowering.ts';
import { eachElement, overElements } from '../../kernels/cuda/shapes.ts';
import { gatedUnitBackwardOp, gatedUnitOp } from './gatedUnit.ts';
import type { Activation } from './reference.ts';

/** act(x), and with s from `begin` its slope. */
const gates: Readonly<Record<Activation, { value: string; slope: string }>> = {
  silu: { value: 'x * sigmoid(x)', slope: 'siluSlope(x, sigmoid(x))' },
  relu2: { value: 'fmaxf(x, 0.f) * fmaxf(x, 0.f)', slope: '2.f * fmaxf(x, 0.f)' },
};

export const gatedUnitOnCuda = [
  onCuda(gatedUnitOp, ({ inputs: { g, u }, outputs: { y }, attributes: { activation } }) => [
    {
      kernel: `gatedUnit.${activation}`,
      body: eachElement(`const float x = g[i]; store(y, i, (${gates[activation].value}) * u[i]);`),
      tensors: { g, u, y },
      numbers: { size: y.size },
      ...overElements(y.size),
    },
  ]),
  onCuda(gatedUnitBackwardOp, ({ inputs, outputs, attributes: { activation } }) => [
    {
      kernel: `gatedUnitBackward.${activation}`,
      body: eachElement(`
    const float x = g[i], up = u[i], d = dy[i];
    store(dg, i, d * up * (${gates[activation].slope}));
    store(du, i, d * (${gates[activation].value}));`),
      tensors: { ...inputs, ...outputs },
      numbers: { size: inputs.g.size },
      ...overElements(inputs.g.size),
    },
  ]),
];
