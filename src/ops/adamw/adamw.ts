import { cost, type Op, type Operands, present, type Tensors } from '../../program/op.ts';
import { assign, emit } from '../../program/record.ts';
import { input, type Tensor } from '../../program/tensor.ts';
import { adamwReference, clipReference, sumOfSquaresReference } from './reference.ts';

export { type StepSettings, settingsVector } from './reference.ts';

/** A trained parameter with its moments, all of one shape, f32 variables. */
export interface Trained {
  readonly weight: Tensor;
  readonly m: Tensor;
  readonly v: Tensor;
  /** Weight decay λ of this parameter's group; the learning rate multiplies it. */
  readonly decay: number;
}

/** The tensor to which the host writes `settingsVector`. */
export function settingsInput(): Tensor {
  return input('optimizer.settings', [8]);
}

/** Σ x² over all elements of all tensors [1]. */
export function squaresOf(tensors: readonly Tensor[]): Tensor {
  if (tensors.length === 0) throw new Error('squaresOf: expected at least one tensor, found none');
  return emit(sumOfSquaresOp, Object.fromEntries(tensors.map((tensor, n) => [`x${n}`, tensor]))).squares;
}

/**
 * One AdamW step on every parameter. If the gradients' global norm exceeds the settings' `maxNorm`, all are scaled down.
 * Returns [norm, coefficient].
 * @param squares the square of the global norm [1]; required if other gradients count, too
 */
export function adamw(
  trained: readonly Trained[],
  gradient: (weight: Tensor) => Tensor,
  settings: Tensor,
  squares = squaresOf(trained.map(({ weight }) => gradient(weight))),
): Tensor {
  const clip = clipOf(squares, settings);
  updateBy(trained, gradient, settings, clip);
  return clip;
}

/** Norm and coefficient of clipping [2], from the sum of the squares of all gradients [1]. */
export function clipOf(squares: Tensor, settings: Tensor): Tensor {
  return emit(clipOp, { squares, settings }).clip;
}

/** The step of some parameters, with their gradients scaled as `clip` says. */
export function updateBy(
  trained: readonly Trained[],
  gradient: (weight: Tensor) => Tensor,
  settings: Tensor,
  clip: Tensor,
): void {
  for (const { weight: w, m, v, decay } of trained) {
    const next = emit(adamwOp, { w, m, v, g: gradient(w), settings, clip }, { decay });
    assign(w, next.nextW);
    assign(m, next.nextM);
    assign(v, next.nextV);
  }
}

interface Attributes {
  readonly decay: number;
}

export const adamwOp: Op<
  Tensors<'w' | 'm' | 'v' | 'g' | 'settings' | 'clip'>,
  Tensors<'nextW' | 'nextM' | 'nextV'>,
  Attributes
> = {
  name: 'adamw',
  outputs: ({ w: { shape } }) => ({ nextW: { shape }, nextM: { shape }, nextV: { shape } }),
  cost: (call) => {
    const n = call.inputs.w.size;
    return cost(call, { additions: 4 * n, multiplications: 9 * n, special: 2 * n });
  },
  reference({ inputs: { w, m, v, g, settings, clip }, outputs, attributes: { decay } }, data) {
    const state = { w: data(w), m: data(m), v: data(v) };
    const next = { w: data(outputs.nextW), m: data(outputs.nextM), v: data(outputs.nextV) };
    const [, coefficient = 1] = data(clip);
    adamwReference(state, data(g), data(settings), coefficient, decay, next);
  },
};

/** Sum over any number of tensors x0, x1, … */
export const sumOfSquaresOp: Op<Operands, Tensors<'squares'>> = {
  name: 'sumOfSquares',
  outputs: () => ({ squares: { shape: [1] } }),
  cost: (call) => {
    const n = present(call.inputs).reduce((sum, { size }) => sum + size, 0);
    return cost(call, { additions: n, multiplications: n });
  },
  reference({ inputs, outputs: { squares } }, data) {
    data(squares)[0] = present(inputs).reduce((sum, x) => sumOfSquaresReference(data(x), sum), 0);
  },
};

export const clipOp: Op<Tensors<'squares' | 'settings'>, Tensors<'clip'>> = {
  name: 'clip',
  outputs: () => ({ clip: { shape: [2] } }),
  cost: (call) => cost(call, { additions: 1, special: 2 }),
  reference({ inputs: { squares, settings }, outputs: { clip } }, data) {
    const [square = 0] = data(squares);
    const maxNorm = data(settings)[6] ?? Number.POSITIVE_INFINITY;
    data(clip).set(clipReference(square, maxNorm));
  },
};
