import type { Launch } from '../../kernels/cuda/launch.ts';
import { onCuda } from '../../kernels/cuda/lowering.ts';
import { blockSize, eachElement, overElements } from '../../kernels/cuda/shapes.ts';
import { partialSums, sumParts, totalOfParts } from '../../kernels/cuda/sums.cuda.ts';
import { scratch } from '../../kernels/scratch.ts';
import { type CallOf, present } from '../../program/op.ts';
import type { Tensor } from '../../program/tensor.ts';
import { adamwOp, clipOp, sumOfSquaresOp } from './adamw.ts';

/** One step on `size` elements; settings [8] as `settingsVector` orders them, clip [2]: norm, coefficient. */
function adamwStep({ inputs, outputs, attributes: { decay } }: CallOf<typeof adamwOp>): Launch {
  const { size } = inputs.w;
  const isWide = size % 4 === 0;
  return {
    kernel: isWide ? 'adamw.4' : 'adamw',
    functions: `
struct Rates { float rate, beta1, beta2, epsilon, perMean, rootOfSquares, clip, kept; };
__device__ inline void update(float& w, float& m, float& v, float g, const Rates& r) {
  const float gradient = g * r.clip;
  m = r.beta1 * m + (1.f - r.beta1) * gradient;
  v = r.beta2 * v + (1.f - r.beta2) * (gradient * gradient);
  w = w * r.kept - r.perMean * m / (sqrtf(v) / r.rootOfSquares + r.epsilon);
}
`,
    body: `
  const Rates r{settings[0], settings[1], settings[2], settings[3], settings[0] / settings[4], sqrtf(settings[5]), clip[1],
                1.f - settings[0] * decay};
  ${isWide ? inFours : singly}`,
    tensors: { ...inputs, ...outputs },
    numbers: { size: isWide ? size / 4 : size, decay: { f32: decay } },
    ...overElements(isWide ? size / 4 : size),
  };
}

const singly = eachElement(`float a = w[i], b = m[i], c = v[i];
    update(a, b, c, g[i], r);
    nextW[i] = a; nextM[i] = b; nextV[i] = c;`);

const inFours = eachElement(`float4 a = ((float4*)w)[i], b = ((float4*)m)[i], c = ((float4*)v)[i];
    const float4 d = ((float4*)g)[i];
    update(a.x, b.x, c.x, d.x, r); update(a.y, b.y, c.y, d.y, r);
    update(a.z, b.z, c.z, d.z, r); update(a.w, b.w, c.w, d.w, r);
    ((float4*)nextW)[i] = a; ((float4*)nextM)[i] = b; ((float4*)nextV)[i] = c;`);

/** squares [1] = Σ x² over all elements of all tensors */
function sumOfSquares(tensors: readonly Tensor[], squares: Tensor): Launch[] {
  const count = tensors.reduce((sum, x) => sum + sumParts(x), 0);
  const parts = scratch('squares.parts', [count]);
  let first = 0;
  return [
    ...tensors.map((x) => {
      const launch = partialSums('sumOfSquares', x, (x) => `${x} * ${x}`, parts, first);
      first += sumParts(x);
      return launch;
    }),
    {
      kernel: 'sumOfSquaresTotal',
      body: `${totalOfParts}
    if (threadIdx.x == 0) squares[0] = total;`,
      tensors: { parts, squares },
      numbers: { count },
      ...{ grid: [1, 1, 1], block: blockSize },
    },
  ];
}

/** Written so that a NaN norm gives a NaN coefficient: a broken step must not look like a step. */
function clipCoefficient({
  inputs: { squares, settings },
  outputs: { clip },
}: CallOf<typeof clipOp>): Launch {
  return {
    kernel: 'clipCoefficient',
    body: `
  const float norm = sqrtf(squares[0]), ratio = settings[6] / (norm + 1e-6f);
  clip[0] = norm;
  clip[1] = ratio > 1.f ? 1.f : ratio;`,
    tensors: { squares, settings, clip },
    numbers: {},
    ...{ grid: [1, 1, 1], block: 1 },
  };
}

export const adamwOnCuda = [
  onCuda(adamwOp, (call) => [adamwStep(call)]),
  onCuda(sumOfSquaresOp, ({ inputs, outputs: { squares } }) => sumOfSquares(present(inputs), squares)),
  onCuda(clipOp, (call) => [clipCoefficient(call)]),
];
