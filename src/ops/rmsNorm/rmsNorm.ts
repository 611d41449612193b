import { cost, type Op, type Tensors } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import { rowsOf, type Size, sizeOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { startSum } from '../accumulate.ts';
import { rmsNormBackwardReference, rmsNormReference } from './reference.ts';

interface Attributes {
  readonly epsilon: number;
}

/**
 * RMSNorm of each row of x [.., width], scaled by gamma [width]; or of each head of x [.., heads · size], scaled by
 * gamma [size].
 */
export function rmsNorm(x: Tensor, gamma: Tensor, epsilon: number): Tensor {
  if (gamma.shape.length !== 1 || widthOf(x) % sizeOf(gamma, 0)) {
    throw new Error(`rmsNorm: expected gamma [${widthOf(x)}], or a divisor of that, found ${gamma}`);
  }
  return emit(rmsNormOp, { x, gamma }, { epsilon }).y;
}

export const rmsNormOp: Op<Tensors<'x' | 'gamma'>, Tensors<'y'>, Attributes> = {
  name: 'rmsNorm',
  inPlace: { y: 'x' },
  outputs: ({ x }) => ({ y: { shape: x.shape } }),
  cost: (call) => cost(call, normCounts(call.inputs.x)),
  reference({ inputs: { x, gamma }, outputs: { y }, attributes: { epsilon } }, data) {
    rmsNormReference(data(x), data(gamma), epsilon, data(y));
  },
  backward({ inputs: { x, gamma }, outputs: { y }, attributes }, gradients) {
    const dy = gradients.required(y);
    const before = { dxBefore: gradients.of(x), dgammaBefore: gradients.of(gamma) };
    const { dx, dgamma } = emit(rmsNormBackwardOp, { x, gamma, dy, ...before }, attributes);
    if (gradients.wants(x)) gradients.set(x, dx);
    if (gradients.wants(gamma)) gradients.set(gamma, dgamma);
  },
};

export const rmsNormBackwardOp: Op<
  Tensors<'x' | 'gamma' | 'dy', 'dxBefore' | 'dgammaBefore'>,
  Tensors<'dx' | 'dgamma'>,
  Attributes
> = {
  name: 'rmsNormBackward',
  inPlace: { dx: 'dxBefore', dgamma: 'dgammaBefore' },
  outputs: ({ x, gamma }) => ({ dx: { shape: x.shape }, dgamma: { shape: gamma.shape } }),
  cost: (call) => {
    const { size } = call.inputs.x;
    return cost(call, { additions: 5 * size, multiplications: 8 * size });
  },
  reference({ inputs, outputs: { dx, dgamma }, attributes: { epsilon } }, data) {
    const { x, gamma, dy, dxBefore, dgammaBefore } = inputs;
    const sums = [startSum(data, dx, dxBefore), startSum(data, dgamma, dgammaBefore)] as const;
    rmsNormBackwardReference(data(x), data(gamma), epsilon, data(dy), ...sums);
  },
};

/** The runs of entries that are normalised, each of gamma's width. */
export function normSizes({ x, gamma }: Tensors<'x' | 'gamma'>): {
  readonly rows: Size<'rows'>;
  readonly width: Size<'width'>;
} {
  return { rows: x.size / gamma.size, width: gamma.size };
}

/** Whether whole rows are normalised, not heads. */
export function normalisesRows({ x, gamma }: Tensors<'x' | 'gamma'>): boolean {
  return gamma.size === widthOf(x);
}

/** Operations of one RMSNorm of x: square and sum, scale, and weigh. */
export function normCounts(x: Tensor) {
  return { additions: x.size, multiplications: 3 * x.size, special: rowsOf(x) };
}
