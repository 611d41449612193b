import type { Launch } from '../../kernels/cuda/launch.ts';
import { eachColumn, eachRow, overRows } from '../../kernels/cuda/shapes.ts';
import { columnSums } from '../../kernels/cuda/sums.cuda.ts';
import { scratch } from '../../kernels/scratch.ts';
import type { Tensors } from '../../program/op.ts';
import type { Tensor } from '../../program/tensor.ts';
import { normSizes } from './rmsNorm.ts';

/** In `eachRow`: r = rsqrt(mean(x²) + ε) of the row. */
export const inverseRms = `
    double squares = 0.0;
    ${eachColumn('squares += (double)x[i] * x[i];')}
    const float r = (float)(1.0 / sqrt(blockSum(squares) / width + epsilon));`;

/** y = x·r·γ; rows or heads of x as wide as gamma; y may be the memory of x */
export function rmsNormForward(x: Tensor, gamma: Tensor, y: Tensor, epsilon: number): Launch {
  const sizes = normSizes({ x, gamma });
  return {
    kernel: 'rmsNorm',
    body: eachRow(`${inverseRms}
    ${eachColumn('store(y, i, x[i] * r * gamma[c]);')}`),
    tensors: { x, gamma, y },
    numbers: { ...sizes, epsilon: { f32: epsilon } },
    ...overRows(sizes.rows, sizes.width),
  };
}

export type RmsNormBackward = Tensors<'x' | 'gamma' | 'dy' | 'dx' | 'dgamma', 'dxBefore' | 'dgammaBefore'> & {
  readonly half?: Tensor | undefined;
};

/** dx = r·e − x·(r³·Σ(e·x)/width) with e = dy ⊙ γ, and dγ = Σ_rows dy ⊙ x·r; each added to what was before. `half` is a copy of dx. */
export function rmsNormBackward(t: RmsNormBackward, epsilon: number): Launch[] {
  const { rows, width } = normSizes(t);
  const inverse = scratch('inverse rms', [rows]);
  return [
    {
      kernel: 'rmsNormBackward',
      body: eachRow(`${inverseRms}
    if (lane == 0) inverse[row] = r;
    float products = 0.f;
    ${eachColumn('products += dy[i] * gamma[c] * x[i];')}
    const float slope = blockSum(products) / width * r * r * r;
    ${eachColumn(`const float sum = (before ? before[i] : 0.f) + (r * (dy[i] * gamma[c]) - x[i] * slope);
      dx[i] = sum;${t.half ? ' store(half, i, sum);' : ''}`)}`),
      tensors: {
        ...{ x: t.x, gamma: t.gamma, dy: t.dy, before: t.dxBefore, dx: t.dx, inverse },
        ...(t.half ? { half: t.half } : {}),
      },
      numbers: { rows, width, epsilon: { f32: epsilon } },
      ...overRows(rows, width),
    },
    ...columnSums({
      ...{ kernel: 'rmsNormGamma', rows, width, term: 'dy[i] * x[i] * inverse[row]' },
      tensors: { x: t.x, dy: t.dy, inverse },
      ...{ y: t.dgamma, before: t.dgammaBefore },
    }),
  ];
}
