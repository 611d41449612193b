/**
 * The quantisers of ternary projections as frameworks record them in training: they round to the quantised values and
 * store these as floats, like any other activation. `bitLinear` is the form that stores none.
 */
import { cost, type Gradients, type Op, type Tensors } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import {
  fakeQuantiseGroupsReference,
  fakeQuantiseMatrixReference,
  fakeQuantiseRowsReference,
} from './reference.ts';

/** x [.., width] → the same, row by row rounded to steps of max|row| / 127, as int8 would. Straight through. */
export function fakeQuantiseRows(x: Tensor): Tensor {
  return emit(fakeQuantiseRowsOp, { x }).y;
}

/** weight [out, width] → −t, 0 or t, with t the mean of |weight|, as ternary codes would. Straight through. */
export function fakeQuantiseMatrix(weight: Tensor): Tensor {
  return emit(fakeQuantiseMatrixOp, { x: weight }).y;
}

/**
 * x [.., groups · group] → −t, 0 or t, with t the mean of |x| over each group of neighbours: heads of queries and keys
 * as ternary codes with a scale each. Straight through.
 */
export function fakeQuantiseGroups(x: Tensor, group: number): Tensor {
  if (!Number.isInteger(group) || group < 1 || widthOf(x) % group) {
    throw new Error(`fakeQuantiseGroups: expected a group that divides ${widthOf(x)}, found ${group}`);
  }
  return emit(fakeQuantiseGroupsOp, { x }, { group }).y;
}

type Quantiser<Attributes = unknown> = Op<Tensors<'x'>, Tensors<'y'>, Attributes>;

/** The gradient of the quantised tensor is that of the float one. */
const straightThrough = (
  { inputs: { x }, outputs: { y } }: { readonly inputs: Tensors<'x'>; readonly outputs: Tensors<'y'> },
  gradients: Gradients,
): void => {
  if (gradients.wants(x)) gradients.add(x, gradients.required(y));
};

export const fakeQuantiseRowsOp: Quantiser = {
  name: 'fakeQuantiseRows',
  outputs: ({ x }) => ({ y: { shape: x.shape } }),
  cost: (call) => {
    const { x } = call.inputs;
    return cost(call, { multiplications: 2 * x.size, special: rowsOf(x) });
  },
  reference({ inputs: { x }, outputs: { y } }, data) {
    fakeQuantiseRowsReference(data(x), widthOf(x), data(y));
  },
  backward: straightThrough,
};

export const fakeQuantiseMatrixOp: Quantiser = {
  name: 'fakeQuantiseMatrix',
  outputs: ({ x }) => ({ y: { shape: x.shape } }),
  cost: (call) => {
    const n = call.inputs.x.size;
    return cost(call, { additions: n, special: n });
  },
  reference({ inputs: { x }, outputs: { y } }, data) {
    fakeQuantiseMatrixReference(data(x), data(y));
  },
  backward: straightThrough,
};

export const fakeQuantiseGroupsOp: Quantiser<{ readonly group: number }> = {
  name: 'fakeQuantiseGroups',
  outputs: ({ x }) => ({ y: { shape: x.shape } }),
  cost: (call) => {
    const { size } = call.inputs.x;
    return cost(call, { additions: size, special: size });
  },
  reference({ inputs: { x }, outputs: { y }, attributes: { group } }, data) {
    fakeQuantiseGroupsReference(data(x), group, data(y));
  },
  backward: straightThrough,
};
