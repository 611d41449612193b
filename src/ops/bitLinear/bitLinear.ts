import { type Cost, cost, type DataOf, type Op, type Tensors } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import { expectShape, rowsOf, sizeOf, widthOf, withWidth } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { startSum } from '../accumulate.ts';
import { normCounts } from '../rmsNorm/rmsNorm.ts';
import { unpackCodes } from './packed.ts';
import { plainBitLinear } from './plain.ts';
import { quantiseWeights } from './quantiseWeights.ts';
import { bitLinearBackwardReference, bitLinearReference } from './reference.ts';

/** The parameters of a BitLinear projection. */
export interface BitLinearParameters {
  /** RMSNorm weight [width]. */
  readonly norm: Tensor;
  /** Matrix [out, width]: f32 (quantised while running, trainable) or `ternary` (packed). */
  readonly weight: Tensor;
  /** Scale t [1] of a packed matrix. */
  readonly scale?: Tensor | undefined;
  /** Record the parts as separate ops: see `plainBitLinear`. */
  readonly plain?: boolean | undefined;
}

/** RMSNorm, int8 activations and ternary weights in one projection: [.., width] → [.., out]. */
export function bitLinear(x: Tensor, { norm, weight, scale, plain }: BitLinearParameters): Tensor {
  expectShape('bitLinear', 'norm', norm, [widthOf(x)]);
  expectShape('bitLinear', 'weight', weight, [sizeOf(weight, 0), widthOf(x)]);
  if (plain) return plainBitLinear(x, norm, weight);
  const matrix = ternaryMatrix('bitLinear', weight, scale);
  return emit(bitLinearOp, { x, norm, ...matrix }).y;
}

/** The packed matrix itself, or a float one quantised. */
export function ternaryMatrix(op: string, weight: Tensor, scale: Tensor | undefined) {
  if (weight.dtype !== 'ternary') return quantiseWeights(weight);
  if (!scale) throw new Error(`${op}: packed ${weight} needs its scale`);
  return { codes: weight, scale };
}

/** Operations of a ternary product: an addition or subtraction for each weight, one scale for each output. */
export function productCounts(
  x: Tensor,
  out: number,
): Pick<Cost, 'additions' | 'integerAdditions' | 'multiplications'> {
  const additions = rowsOf(x) * out * widthOf(x);
  return { additions, integerAdditions: additions, multiplications: rowsOf(x) * out };
}

export const bitLinearOp: Op<Tensors<'x' | 'norm' | 'codes' | 'scale'>, Tensors<'y'>> = {
  name: 'bitLinear',
  outputs: ({ x, codes }) => ({ y: { shape: withWidth(x.shape, sizeOf(codes, 0)) } }),
  cost: (call) => {
    const { x, codes } = call.inputs;
    const norm = normCounts(x);
    const product = productCounts(x, sizeOf(codes, 0));
    return cost(call, {
      additions: norm.additions + product.additions,
      integerAdditions: product.integerAdditions,
      multiplications: norm.multiplications + x.size + product.multiplications,
      special: norm.special + rowsOf(x),
    });
  },
  reference({ inputs: { x, norm, codes, scale }, outputs: { y } }, data) {
    bitLinearReference(data(x), data(norm), matrixOf(codes, scale, data), sizeOf(codes, 0), data(y));
  },
  backward({ inputs, outputs: { y } }, gradients) {
    const { x, norm, codes } = inputs;
    const { dx, dNorm, dWeight } = emit(bitLinearBackwardOp, {
      ...{ ...inputs, dOut: gradients.required(y) },
      ...{ dxBefore: gradients.of(x), dNormBefore: gradients.of(norm), dWeightBefore: gradients.of(codes) },
    });
    if (gradients.wants(x)) gradients.set(x, dx);
    if (gradients.wants(norm)) gradients.set(norm, dNorm);
    if (gradients.wants(codes)) gradients.set(codes, dWeight);
  },
};

export const bitLinearBackwardOp: Op<
  Tensors<'x' | 'norm' | 'codes' | 'scale' | 'dOut', 'dxBefore' | 'dNormBefore' | 'dWeightBefore'>,
  Tensors<'dx' | 'dNorm' | 'dWeight'>
> = {
  name: 'bitLinearBackward',
  inPlace: { dx: 'dxBefore', dNorm: 'dNormBefore', dWeight: 'dWeightBefore' },
  outputs: ({ x, norm, codes }) => ({
    ...{ dx: { shape: x.shape }, dNorm: { shape: norm.shape }, dWeight: { shape: codes.shape } },
  }),
  cost: (call) => {
    const { x, codes } = call.inputs;
    const product = rowsOf(x) * codes.size;
    return cost(call, {
      additions: 6 * x.size + 2 * product,
      multiplications: 12 * x.size,
      productMultiplications: product, // dW; dŷ takes ternary weights, which add and subtract
      special: 2 * rowsOf(x),
    });
  },
  reference({ inputs, outputs: { dx, dNorm, dWeight } }, data) {
    const { x, norm, codes, scale, dOut, dxBefore, dNormBefore, dWeightBefore } = inputs;
    bitLinearBackwardReference(
      { x: data(x), gamma: data(norm), weight: matrixOf(codes, scale, data) },
      data(dOut),
      {
        dx: startSum(data, dx, dxBefore),
        dgamma: startSum(data, dNorm, dNormBefore),
        dWeight: startSum(data, dWeight, dWeightBefore),
      },
    );
  },
};

function matrixOf(codes: Tensor, scale: Tensor, data: DataOf) {
  return { codes: unpackCodes(data(codes), codes.shape), scale: data(scale)[0] ?? 0 };
}
