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
  return {
    kernel: 'adamw',
    body: eachElement(`
    const float rate = settings[0], gradient = g[i] * clip[1];
    const float mean = settings[1] * m[i] + (1.f - settings[1]) * gradient;
    const float square = settings[2] * v[i] + (1.f - settings[2]) * (gradient * gradient);
    const float root = sqrtf(square) / sqrtf(settings[5]) + settings[3];
    nextW[i] = w[i] * (1.f - rate * decay) - rate / settings[4] * mean / root;
    nextM[i] = mean;
    nextV[i] = square;`),
    tensors: { ...inputs, ...outputs },
    numbers: { size: inputs.w.size, decay: { f32: decay } },
    ...overElements(inputs.w.size),
  };
}

/** squares [1] = Σ x² over all elements of all tensors */
function sumOfSquares(tensors: readonly Tensor[], squares: Tensor): Launch[] {
  const count = tensors.reduce((sum, x) => sum + sumParts(x), 0);
  const parts = scratch('squares.parts', [count]);
  let first = 0;
  return [
    ...tensors.map((x) => {
      const launch = partialSums('sumOfSquares', x, 'x[i] * x[i]', parts, first);
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
