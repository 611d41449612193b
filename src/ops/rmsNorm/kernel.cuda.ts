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

/** Threads of a row have so many columns each, in vectors of four that stay in registers. */
const columnsOfThread = 8;
/** Widest row of whole vectors that is read once. */
const maxWide = 16_384;

/** How a block takes rows in vectors. */
function wideRows(rows: number, width: number) {
  const shape = overRows(rows, width, columnsOfThread);
  const vectors = Math.ceil(width / 4 / shape.block);
  /** A thread's vectors: `c` of the row's, `i` of all. */
  const each = (body: string) => `
    #pragma unroll
    for (int n = 0; n < ${vectors}; n++) {
      const unsigned c = lane + n * lanes, i = row * fours + c;
      if (c < fours) { ${body} }
    }`;
  const inverse = `
    float4 held[${vectors}];
    double squares = 0.0;
    ${each('held[n] = ((const float4*)x)[i]; squares += dot(held[n], held[n]);')}
    const float r = (float)(1.0 / sqrt(blockSum(squares) / (4 * fours) + epsilon));`;
  return { shape, each, inverse, vectors, fours: width / 4 };
}

const isWide = (width: number) => width % 4 === 0 && width <= maxWide;

/** y = x·r·γ; rows or heads of x as wide as gamma; y may be the memory of x */
export function rmsNormForward(x: Tensor, gamma: Tensor, y: Tensor, epsilon: number): Launch {
  const { rows, width } = normSizes({ x, gamma });
  const tensors = { x, gamma, y };
  if (isWide(width)) {
    const { shape, each, inverse, vectors, fours } = wideRows(rows, width);
    return {
      kernel: `rmsNorm.4.${vectors}`,
      body: eachRow(`${inverse}
    ${each('storeFour(y, i, held[n] * r * ((const float4*)gamma)[c]);')}`),
      tensors,
      numbers: { rows, fours, epsilon: { f32: epsilon } },
      ...shape,
    };
  }
  return {
    kernel: 'rmsNorm',
    body: eachRow(`${inverseRms}
    ${eachColumn('store(y, i, x[i] * r * gamma[c]);')}`),
    tensors,
    numbers: { rows, width, epsilon: { f32: epsilon } },
    ...overRows(rows, width),
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
      ...(isWide(width) ? wideBackward(rows, width, t) : plainBackward(rows, width, t)),
      tensors: {
        ...{ x: t.x, gamma: t.gamma, dy: t.dy, before: t.dxBefore, dx: t.dx, inverse },
        ...(t.half ? { half: t.half } : {}),
      },
      numbers: { rows, width, fours: Math.floor(width / 4), epsilon: { f32: epsilon } },
    },
    ...columnSums({
      ...{ kernel: 'rmsNormGamma', rows, width, term: 'dy[i] * x[i] * inverse[row]' },
      tensors: { x: t.x, dy: t.dy, inverse },
      ...{ y: t.dgamma, before: t.dgammaBefore },
    }),
  ];
}

function plainBackward(rows: number, width: number, { half }: RmsNormBackward) {
  return {
    kernel: 'rmsNormBackward',
    body: eachRow(`${inverseRms}
    if (lane == 0) inverse[row] = r;
    float products = 0.f;
    ${eachColumn('products += dy[i] * gamma[c] * x[i];')}
    const float slope = blockSum(products) / width * r * r * r;
    ${eachColumn(`const float sum = (before ? before[i] : 0.f) + (r * (dy[i] * gamma[c]) - x[i] * slope);
      dx[i] = sum;${half ? ' store(half, i, sum);' : ''}`)}`),
    ...overRows(rows, width),
  };
}

function wideBackward(rows: number, width: number, { dxBefore, half }: RmsNormBackward) {
  const { shape, each, inverse, vectors } = wideRows(rows, width);
  const sum = `${dxBefore ? '((const float4*)before)[i] + ' : ''}(slopes[n] * r - held[n] * slope)`;
  return {
    kernel: `rmsNormBackward.4.${vectors}`,
    body: eachRow(`${inverse}
    if (lane == 0) inverse[row] = r;
    float4 slopes[${vectors}];
    float products = 0.f;
    ${each('slopes[n] = ((const float4*)dy)[i] * ((const float4*)gamma)[c]; products += dot(slopes[n], held[n]);')}
    const float slope = blockSum(products) / width * r * r * r;
    ${each(`const float4 sum = ${sum};
      storeFour(dx, i, sum);${half ? ' storeFour(half, i, sum);' : ''}`)}`),
    ...shape,
  };
}
