import { cost, type DataOf, type Op, type Tensors } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import { expectShape, rowsOf, sizeOf, widthOf, withWidth } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { startSum } from '../accumulate.ts';
import { productCounts, ternaryMatrix } from '../bitLinear/bitLinear.ts';
import { unpackCodes } from '../bitLinear/packed.ts';
import { plainTernaryLinear } from '../bitLinear/plain.ts';
import { ternaryLinearBackwardReference, ternaryLinearReference } from './reference.ts';

/** The parameters of a BitNet projection. */
export interface TernaryLinearParameters {
  /** Matrix [out, width]: f32 (quantised while running, trainable) or `ternary` (packed). */
  readonly weight: Tensor;
  /** Scale t [1] of a packed matrix. */
  readonly scale?: Tensor | undefined;
  /** Record the parts as separate ops: see `plainTernaryLinear`. */
  readonly plain?: boolean | undefined;
}

/**
 * BitNet b1.58's projection: int8 activations and ternary weights as in BitLinear, but without a norm of its own:
 * [.., width] → [.., out].
 */
export function ternaryLinear(x: Tensor, { weight, scale, plain }: TernaryLinearParameters): Tensor {
  expectShape('ternaryLinear', 'weight', weight, [sizeOf(weight, 0), widthOf(x)]);
  if (plain) return plainTernaryLinear(x, weight);
  return emit(ternaryLinearOp, { x, ...ternaryMatrix('ternaryLinear', weight, scale) }).y;
}

export const ternaryLinearOp: Op<Tensors<'x' | 'codes' | 'scale'>, Tensors<'y'>> = {
  name: 'ternaryLinear',
  outputs: ({ x, codes }) => ({ y: { shape: withWidth(x.shape, sizeOf(codes, 0)) } }),
  // The product, and a scale for each activation.
  cost: (call) => {
    const { x, codes } = call.inputs;
    const product = productCounts(x, sizeOf(codes, 0));
    const multiplications = x.size + product.multiplications;
    return cost(call, { ...product, multiplications, special: rowsOf(x) });
  },
  reference({ inputs: { x, codes, scale }, outputs: { y } }, data) {
    ternaryLinearReference(data(x), matrixOf(codes, scale, data), widthOf(x), data(y));
  },
  backward({ inputs, outputs: { y } }, gradients) {
    const { x, codes } = inputs;
    const read = { ...inputs, dOut: gradients.required(y), dWeightBefore: gradients.of(codes) };
    const { dx, dWeight } = emit(ternaryLinearBackwardOp, read);
    if (gradients.wants(x)) gradients.add(x, dx);
    if (gradients.wants(codes)) gradients.set(codes, dWeight);
  },
};

export const ternaryLinearBackwardOp: Op<
  Tensors<'x' | 'codes' | 'scale' | 'dOut', 'dWeightBefore'>,
  Tensors<'dx' | 'dWeight'>
> = {
  name: 'ternaryLinearBackward',
  inPlace: { dWeight: 'dWeightBefore' },
  outputs: ({ x, codes }) => ({ dx: { shape: x.shape }, dWeight: { shape: codes.shape } }),
  cost: (call) => {
    const product = rowsOf(call.inputs.x) * call.inputs.codes.size;
    // dW is a dense product; dx takes ternary weights, which add and subtract.
    return cost(call, { additions: 2 * product, productMultiplications: product });
  },
  reference({ inputs: { x, codes, scale, dOut, dWeightBefore }, outputs: { dx, dWeight } }, data) {
    ternaryLinearBackwardReference(
      { x: data(x), weight: matrixOf(codes, scale, data), width: widthOf(x) },
      data(dOut),
      { dx: data(dx), dWeight: startSum(data, dWeight, dWeightBefore) },
    );
  },
};

function matrixOf(codes: Tensor, scale: Tensor, data: DataOf) {
  return { codes: unpackCodes(data(codes), codes.shape), scale: data(scale)[0] ?? 0 };
}
