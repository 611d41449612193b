import type { Launch } from '../../kernels/cuda/launch.ts';
import { onCuda } from '../../kernels/cuda/lowering.ts';
import { eachColumn, eachRow, overRows } from '../../kernels/cuda/shapes.ts';
import { columnSums } from '../../kernels/cuda/sums.cuda.ts';
import { scratch } from '../../kernels/scratch.ts';
import type { CallOf } from '../../program/op.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import { inverseRms } from '../rmsNorm/kernel.cuda.ts';
import { gatedNormBackwardOp, gatedNormOp } from './gatedNorm.ts';

/**
 * The norm's own backward pass sees e = dy ⊙ SiLU(h) ⊙ γ; dh = dy ⊙ x·r·γ ⊙ SiLU'(h). The sum over rows comes first:
 * dh may be the memory of h, and dx that of the sum so far.
 */
function gatedNormBackward({ inputs, outputs, attributes }: CallOf<typeof gatedNormBackwardOp>): Launch[] {
  const { x, h, gamma, dy, dxBefore, dgammaBefore } = inputs;
  const [rows, width] = [rowsOf(x), widthOf(x)];
  const inverse = scratch('inverse rms', [rows]);
  const numbers = { rows, width, epsilon: { f32: attributes.epsilon } };
  return [
    {
      kernel: 'inverseRms',
      body: eachRow(`${inverseRms}
    if (lane == 0) inverse[row] = r;`),
      ...{ tensors: { x, inverse }, numbers },
      ...overRows(rows, width),
    },
    ...columnSums({
      ...{ kernel: 'gatedNormGamma', rows, width, term: 'dy[i] * silu(h[i]) * x[i] * inverse[row]' },
      tensors: { x, h, dy, inverse },
      ...{ y: outputs.dgamma, before: dgammaBefore },
    }),
    {
      kernel: 'gatedNormBackward',
      body: eachRow(`
    const float r = inverse[row];
    float products = 0.f;
    ${eachColumn('products += dy[i] * silu(h[i]) * gamma[c] * x[i];')}
    const float slope = blockSum(products) / width * r * r * r;
    ${eachColumn(`const float gate = h[i], s = sigmoid(gate), d = dy[i], value = x[i];
      dx[i] = (before ? before[i] : 0.f) + (r * (d * gate * s * gamma[c]) - value * slope);
      dh[i] = d * value * r * gamma[c] * siluSlope(gate, s);`)}`),
      tensors: { x, h, gamma, dy, inverse, before: dxBefore, dx: outputs.dx, dh: outputs.dh },
      numbers: { rows, width },
      ...overRows(rows, width),
    },
  ];
}

export const gatedNormOnCuda = [
  onCuda(gatedNormOp, ({ inputs, outputs, attributes: { epsilon } }) => {
    const [rows, width] = [rowsOf(inputs.x), widthOf(inputs.x)];
    return [
      {
        kernel: 'gatedNorm',
        body: eachRow(`${inverseRms}
    ${eachColumn('y[i] = x[i] * r * gamma[c] * silu(h[i]);')}`),
        tensors: { ...inputs, ...outputs },
        numbers: { rows, width, epsilon: { f32: epsilon } },
        ...overRows(rows, width),
      },
    ];
  }),
  onCuda(gatedNormBackwardOp, gatedNormBackward),
];
