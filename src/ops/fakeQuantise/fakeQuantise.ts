/**
 * The quantisers of ternary projections as frameworks record them in training: to the quantised values and back to
 * floats at once, which lie in memory as any other activation does. See `bitLinear` for the form that stores none.
 */
import { cost, type Op } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import { weightScale } from '../bitLinear/quantiseWeights.ts';
import { rowsOf, widthOf } from '../shapes.ts';
import { fakeQuantiseMatrix as matrixDispatches, fakeQuantiseRows as rowsDispatch } from './kernel.wgsl.ts';
import { fakeQuantiseMatrixReference, fakeQuantiseRowsReference } from './reference.ts';

/** x [.., width] → the same in steps of max|row| / 127, row by row: what int8 keeps of it. Straight through. */
export function fakeQuantiseRows(x: Tensor): Tensor {
  const outputs = [{ name: 'y', shape: x.shape }];
  return emit(fakeQuantiseRowsOp, { inputs: [x], outputs, attributes: undefined })[0]!;
}

/** weight [out, width] → −t, 0 or t, with t the mean of |weight|: what ternary codes keep of it. Straight through. */
export function fakeQuantiseMatrix(weight: Tensor): Tensor {
  return emit(fakeQuantiseMatrixOp, {
    inputs: [weight],
    outputs: [{ name: 'y', shape: weight.shape }],
    scratch: weightScale.scratch,
    attributes: undefined,
  })[0]!;
}

/** The gradient of the quantised tensor is that of the float one. */
const straightThrough: NonNullable<Op['backward']> = ({ inputs: [x], outputs: [y] }, gradients) => {
  if (gradients.wants(x)) gradients.add(x, gradients.of(y!)!);
};

export const fakeQuantiseRowsOp: Op = {
  name: 'fakeQuantiseRows',
  cost: (call) => {
    const [x] = call.inputs;
    return cost(call, { multiplications: 2 * x!.size, special: rowsOf(x!) });
  },
  reference({ inputs: [x], outputs: [y] }, data) {
    fakeQuantiseRowsReference(data(x!), widthOf(x!), data(y!));
  },
  cpu: ({ inputs: [x], outputs: [y] }) => [
    { kernel: 'fakeQuantiseRows', args: [x, y, rowsOf(x!), widthOf(x!)] },
  ],
  webgpu: ({ inputs: [x], outputs: [y] }) => [rowsDispatch(x!, y!)],
  backward: straightThrough,
};

export const fakeQuantiseMatrixOp: Op = {
  name: 'fakeQuantiseMatrix',
  cost: (call) => {
    const n = call.inputs[0]!.size;
    return cost(call, { additions: n, special: n });
  },
  reference({ inputs: [weight], outputs: [y] }, data) {
    fakeQuantiseMatrixReference(data(weight!), data(y!));
  },
  cpu({ inputs: [weight], outputs: [y], scratch: [sums] }) {
    return [
      weightScale.kernel(weight!, sums!),
      { kernel: 'fakeQuantiseMatrix', args: [weight, sums, y, weight!.size, weightScale.parts] },
    ];
  },
  webgpu: ({ inputs: [weight], outputs: [y] }) => matrixDispatches(weight!, y!),
  backward: straightThrough,
};
