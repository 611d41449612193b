import type { Launch } from '../../kernels/cuda/launch.ts';
import { onCuda } from '../../kernels/cuda/lowering.ts';
import { totalOfParts } from '../../kernels/cuda/sums.cuda.ts';
import { blocksOf, eachPiece, type OneOfMany, overTensors } from '../../kernels/cuda/tensors.cuda.ts';
import { scratch } from '../../kernels/scratch.ts';
import { type CallOf, present } from '../../program/op.ts';
import type { Tensor } from '../../program/tensor.ts';
import { adamwOp, clipOp, sumOfSquaresOp } from './adamw.ts';

type Update = CallOf<typeof adamwOp>;

const update = `
struct Rates { float rate, beta1, beta2, epsilon, perMean, rootOfSquares, clip, kept; };
__device__ inline void update(float& w, float& m, float& v, float g, const Rates& r) {
  const float gradient = g * r.clip;
  m = r.beta1 * m + (1.f - r.beta1) * gradient;
  v = r.beta2 * v + (1.f - r.beta2) * (gradient * gradient);
  w = w * r.kept - r.perMean * m / (sqrtf(v) / r.rootOfSquares + r.epsilon);
}
`;

/** One step on all parameters of these calls; settings [8] as `settingsVector` orders them, clip [2]: norm, coefficient. */
export function adamwSteps(calls: readonly Update[]): Launch[] {
  const decays = [...new Set(calls.map(({ attributes }) => attributes.decay))];
  return decays.flatMap((decay) => {
    const some = calls.filter(({ attributes }) => attributes.decay === decay);
    return inKinds(some, ({ inputs }) => inputs.w.size).flatMap(([isWide, alike]) =>
      adamwStep(alike, decay, isWide),
    );
  });
}

/** What can be read in fours, and what cannot. */
function inKinds<T>(
  all: readonly T[],
  sizeOf: (one: T) => number,
): (readonly [isWide: boolean, readonly T[]])[] {
  return [true, false].flatMap((isWide) => {
    const alike = all.filter((one) => (sizeOf(one) % 4 === 0) === isWide);
    return alike.length ? [[isWide, alike] as const] : [];
  });
}

function adamwStep(calls: readonly Update[], decay: number, isWide: boolean): Launch[] {
  const { settings, clip } = calls[0]!.inputs;
  const all = calls.map(({ inputs: { w, m, v, g }, outputs }): OneOfMany => {
    return { pieces: isWide ? w.size / 4 : w.size, operands: { w, m, v, g, ...outputs } };
  });
  return overTensors(all, {
    kernel: isWide ? 'adamw.4' : 'adamw',
    functions: update,
    body: `
  const Rates r{settings[0], settings[1], settings[2], settings[3], settings[0] / settings[4], sqrtf(settings[5]), clip[1],
                1.f - settings[0] * decay};
  ${eachPiece(isWide ? ofFour : ofOne)}`,
    tensors: { settings, clip },
    numbers: { decay: { f32: decay } },
  });
}

const ofOne = `float a = w[i], b = m[i], c = v[i];
    update(a, b, c, g[i], r);
    nextW[i] = a; nextM[i] = b; nextV[i] = c;`;

const ofFour = `float4 a = ((float4*)w)[i], b = ((float4*)m)[i], c = ((float4*)v)[i];
    const float4 d = ((float4*)g)[i];
    update(a.x, b.x, c.x, d.x, r); update(a.y, b.y, c.y, d.y, r);
    update(a.z, b.z, c.z, d.z, r); update(a.w, b.w, c.w, d.w, r);
    ((float4*)nextW)[i] = a; ((float4*)nextM)[i] = b; ((float4*)nextV)[i] = c;`;

/** squares [1] = Σ x² over all elements of all tensors */
function sumOfSquares(tensors: readonly Tensor[], squares: Tensor): Launch[] {
  const kinds = inKinds(tensors, ({ size }) => size).map(([isWide, alike]) => ({
    isWide,
    all: alike.map((x): OneOfMany => ({ pieces: isWide ? x.size / 4 : x.size, operands: { x } })),
  }));
  const counts = kinds.map(({ all }) => all.reduce((sum, { pieces }) => sum + blocksOf(pieces), 0));
  const count = counts.reduce((sum, blocks) => sum + blocks, 0);
  const parts = scratch('squares.parts', [count]);
  return [
    ...kinds.flatMap(({ isWide, all }, kind) =>
      overTensors(all, {
        kernel: isWide ? 'sumOfSquares.4' : 'sumOfSquares',
        body: `float sum = 0.f;
  ${eachPiece(isWide ? 'const float4 four = ((const float4*)x)[i]; sum += dot(four, four);' : 'sum += x[i] * x[i];')}
  const float total = blockSum(sum);
  if (threadIdx.x == 0) parts[first + firstBlock + block] = total;`,
        tensors: { parts },
        numbers: { first: counts.slice(0, kind).reduce((sum, blocks) => sum + blocks, 0) },
      }),
    ),
    {
      kernel: 'sumOfSquaresTotal',
      body: `${totalOfParts}
    if (threadIdx.x == 0) squares[0] = total;`,
      tensors: { parts, squares },
      numbers: { count },
      ...{ grid: [1, 1, 1], block: 1024 },
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
  onCuda(adamwOp, (call) => adamwSteps([call])),
  onCuda(sumOfSquaresOp, ({ inputs, outputs: { squares } }) => sumOfSquares(present(inputs), squares)),
  onCuda(clipOp, (call) => [clipCoefficient(call)]),
];
