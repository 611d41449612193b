import { cost, type Data, type Op, type Tensors } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import { expectShape, rowsOf, sizeOf, widthOf, withWidth } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { startSum } from '../accumulate.ts';
import { floatDecoder } from '../halfFloats.ts';
import { linearBackwardReference, linearReference } from './reference.ts';

/**
 * The dense projection of Transformers: x [.., width] times a matrix [out, width] gives [.., out] in f32. The matrix is
 * f32 (trainable), f16, bf16 or, with scales [out] f32, i8; entries are converted to f32 as they are read.
 */
export function linear(x: Tensor, weight: Tensor, scales?: Tensor): Tensor {
  if ((weight.dtype === 'i8') !== (scales !== undefined)) {
    throw new Error(`linear: scales are required for matrices of i8 and for no others; found ${weight}`);
  }
  const out = sizeOf(weight, 0);
  if (scales) expectShape('linear', 'scales', scales, [out]);
  expectShape('linear', 'weight', weight, [out, widthOf(x)]);
  return emit(linearOp, { x, weight, scales }).y;
}

export const linearOp: Op<Tensors<'x' | 'weight', 'scales'>, Tensors<'y'>> = {
  name: 'linear',
  outputs: ({ x, weight }) => ({ y: { shape: withWidth(x.shape, sizeOf(weight, 0)) } }),
  cost: (call) => {
    const product = rowsOf(call.inputs.x) * call.inputs.weight.size;
    return cost(call, { additions: product, productMultiplications: product });
  },
  reference({ inputs: { x, weight, scales }, outputs: { y } }, data) {
    const matrix = decoded(weight, data(weight), scales && data(scales));
    linearReference(data(x), matrix, widthOf(x), data(y));
  },
  backward({ inputs: { x, weight }, outputs: { y } }, gradients) {
    const { dx, dWeight } = emit(linearBackwardOp, {
      ...{ x, weight, dy: gradients.required(y) },
      ...{ dxBefore: gradients.of(x), dWeightBefore: gradients.of(weight) },
    });
    if (gradients.wants(x)) gradients.set(x, dx);
    if (gradients.wants(weight)) gradients.set(weight, dWeight);
  },
};

export const linearBackwardOp: Op<
  Tensors<'x' | 'weight' | 'dy', 'dxBefore' | 'dWeightBefore'>,
  Tensors<'dx' | 'dWeight'>
> = {
  name: 'linearBackward',
  inPlace: { dx: 'dxBefore', dWeight: 'dWeightBefore' },
  outputs: ({ x, weight }) => ({ dx: { shape: x.shape }, dWeight: { shape: weight.shape } }),
  cost: (call) => {
    const products = 2 * rowsOf(call.inputs.x) * call.inputs.weight.size;
    return cost(call, { additions: products, productMultiplications: products });
  },
  reference({ inputs: { x, weight, dy, dxBefore, dWeightBefore }, outputs: { dx, dWeight } }, data) {
    linearBackwardReference({ x: data(x), weight: data(weight), width: widthOf(x) }, data(dy), {
      dx: startSum(data, dx, dxBefore),
      dWeight: startSum(data, dWeight, dWeightBefore),
    });
  },
};

function decoded(weight: Tensor, data: Data, scales: Data | undefined): ArrayLike<number> {
  const [decode, width] = [floatDecoder(weight.dtype), widthOf(weight)];
  return Array.from(data, (x, i) => decode(x) * (scales?.[Math.floor(i / width)] ?? 1));
}
