import { cost, type Op } from '../../program/op.ts';
import { assign, emit } from '../../program/record.ts';
import { input, type Tensor } from '../../program/tensor.ts';
import { adamwStep, clipCoefficient, sumOfSquares as sumOfSquaresDispatches } from './kernel.wgsl.ts';
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

/** The tensor through which the host hands over `settingsVector`. */
export function settingsInput(): Tensor {
  return input('optimizer.settings', [8]);
}

/** Σ x² over all elements of all tensors [1]. */
export function squaresOf(tensors: readonly Tensor[]): Tensor {
  if (tensors.length === 0) throw new Error('squaresOf: expected at least one tensor, found none');
  return emit(sumOfSquaresOp, {
    inputs: tensors,
    outputs: [{ name: 'squares', shape: [1] }],
    scratch: [{ name: 'parts', shape: [parts] }],
    attributes: undefined,
  })[0]!;
}

/**
 * One AdamW step on every parameter, with the gradients scaled down together if their global norm is above
 * the settings' `maxNorm`. Returns [norm, coefficient].
 * @param squares the square of the global norm [1], if there are more gradients than these
 */
export function adamw(
  trained: readonly Trained[],
  gradient: (weight: Tensor) => Tensor,
  settings: Tensor,
  squares = squaresOf(trained.map(({ weight }) => gradient(weight))),
): Tensor {
  const outputs = [{ name: 'clip', shape: [2] }];
  const clip = emit(clipOp, { inputs: [squares, settings], outputs, attributes: undefined })[0]!;
  for (const { weight, m, v, decay } of trained) {
    const next = emit(adamwOp, {
      inputs: [weight, m, v, gradient(weight), settings, clip],
      outputs: ['weight', 'm', 'v'].map((name) => ({ name, shape: weight.shape })),
      attributes: { decay },
    });
    assign(weight, next[0]!);
    assign(m, next[1]!);
    assign(v, next[2]!);
  }
  return clip;
}

export const adamwOp: Op<{ readonly decay: number }> = {
  name: 'adamw',
  cost: (call) => {
    const n = call.inputs[0]!.size;
    return cost(call, { additions: 4 * n, multiplications: 9 * n, special: 2 * n });
  },
  reference({ inputs: [w, m, v, g, settings, clip], outputs: next, attributes }, data) {
    const state = { w: data(w!), m: data(m!), v: data(v!) };
    const out = { w: data(next[0]!), m: data(next[1]!), v: data(next[2]!) };
    adamwReference(state, data(g!), data(settings!), data(clip!)[1]!, attributes.decay, out);
  },
  cpu({ inputs, outputs, attributes }) {
    return [{ kernel: 'adamw', args: [...inputs, ...outputs, inputs[0]!.size, { f32: attributes.decay }] }];
  },
  webgpu({ inputs: [w, m, v, g, settings, clip], outputs: [nextW, nextM, nextV], attributes }) {
    const given = { w: w!, m: m!, v: v!, g: g!, settings: settings!, clip: clip! };
    return [adamwStep({ ...given, nextW: nextW!, nextM: nextM!, nextV: nextV! }, attributes.decay)];
  },
};

/** The sum of squares is taken in this many parts, whatever the number of threads, so that it never changes. */
const parts = 64;

const sumOfSquaresOp: Op = {
  name: 'sumOfSquares',
  cost: (call) => {
    const n = call.inputs.reduce((sum, x) => sum + x!.size, 0);
    return cost(call, { additions: n, multiplications: n });
  },
  reference({ inputs, outputs: [squares] }, data) {
    data(squares!)[0] = inputs.reduce((sum, x) => sumOfSquaresReference(data(x!), sum), 0);
  },
  cpu: ({ inputs, outputs: [squares], scratch: [partial] }) =>
    inputs.flatMap((x, n) => [
      { kernel: 'sumOfSquaresParts', args: [x, partial, x!.size, parts] },
      { kernel: 'sumOfSquaresTotal', args: [partial, n > 0 ? squares : undefined, squares, parts] },
    ]),
  webgpu: ({ inputs, outputs: [squares] }) => sumOfSquaresDispatches(inputs as Tensor[], squares!),
};

const clipOp: Op = {
  name: 'clip',
  cost: (call) => cost(call, { additions: 1, special: 2 }),
  reference({ inputs: [squares, settings], outputs: [clip] }, data) {
    data(clip!).set(clipReference(data(squares!)[0]!, data(settings!)[6]!));
  },
  cpu({ inputs: [squares, settings], outputs: [clip] }) {
    return [{ kernel: 'clipCoefficient', args: [squares, settings, clip] }];
  },
  webgpu: ({ inputs: [squares, settings], outputs: [clip] }) => [clipCoefficient(squares!, settings!, clip!)],
};
