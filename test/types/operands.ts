/**
 * Mistakes that must not compile: `npm run check` fails if one of them does. Each line below a `@ts-expect-error` is wrong
 * in one way.
 */
import { kernelCall } from '../../src/kernels/cpu/kernelCall.ts';
import { onCpu } from '../../src/kernels/cpu/lowering.ts';
import { bitLinearOp } from '../../src/ops/bitLinear/bitLinear.ts';
import { linearOp } from '../../src/ops/linear/linear.ts';
import { mlgruOp } from '../../src/ops/mlgru/mlgru.ts';
import { rmsNormOp } from '../../src/ops/rmsNorm/rmsNorm.ts';
import type { Op, Tensors } from '../../src/program/op.ts';
import { emit } from '../../src/program/record.ts';
import { rowsOf, sequenceSizes, widthOf } from '../../src/program/shapes.ts';
import type { Tensor } from '../../src/program/tensor.ts';

export function operands(x: Tensor, norm: Tensor, codes: Tensor, scale: Tensor, weight: Tensor) {
  emit(bitLinearOp, { x, norm, codes, scale });
  // @ts-expect-error an operand is left out
  emit(bitLinearOp, { x, norm, codes });
  // @ts-expect-error there is no such operand
  emit(bitLinearOp, { x, norm, codes, scale, bias: scale });
  // @ts-expect-error an optional operand is left out: it is passed as undefined where it is absent
  emit(linearOp, { x, weight });
  // @ts-expect-error attributes are left out
  emit(mlgruOp, { i: x, f: x, start: undefined, bounds: undefined });
  // @ts-expect-error there is no such output
  emit(bitLinearOp, { x, norm, codes, scale }).dx;
}

export function sizes(x: Tensor, gamma: Tensor, y: Tensor) {
  const [rows, width] = [rowsOf(x), widthOf(x)];
  kernelCall('rmsNormForward', { x, gamma, y, rows, width, epsilon: 1e-6 });
  // @ts-expect-error rows and width are swapped
  kernelCall('rmsNormForward', { x, gamma, y, rows: width, width: rows, epsilon: 1e-6 });
  // @ts-expect-error a size is left out
  kernelCall('rmsNormForward', { x, gamma, y, rows, epsilon: 1e-6 });
  // @ts-expect-error a tensor is left out
  kernelCall('rmsNormForward', { x, y, rows, width, epsilon: 1e-6 });
  // @ts-expect-error there is no such kernel
  kernelCall('rmsNorm', { x, gamma, y, rows, width, epsilon: 1e-6 });
  const { batch, length } = sequenceSizes('lastToken', x);
  kernelCall('lastToken', { x, y, batch, length, width });
  // @ts-expect-error batch and length are swapped
  kernelCall('lastToken', { x, y, batch: length, length: batch, width });
}

export function lowerings() {
  // @ts-expect-error the op has no operand of this name
  onCpu(rmsNormOp, ({ inputs: { weight } }) => [weight]);
}

export const inPlace: Op<Tensors<'x'>, Tensors<'y'>> = {
  name: 'example',
  // @ts-expect-error there is no such input to write over
  inPlace: { y: 'z' },
  outputs: ({ x }) => ({ y: { shape: x.shape } }),
  cost: () => ({
    ...{ additions: 0, integerAdditions: 0, multiplications: 0, productMultiplications: 0 },
    ...{ special: 0, bytesRead: 0, bytesWritten: 0 },
  }),
  reference() {},
};
