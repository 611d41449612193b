import { cost, type DataOf, type Op, type Tensors } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import { expectShape, rowsOf, sizeOf, widthOf, withWidth } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { floatDecoder } from '../halfFloats.ts';
import { type GroupedType, unpackCodes, unpackScales } from './packed.ts';
import { groupedLinearReference } from './reference.ts';

/** A matrix of integer codes with a scale for each group of neighbouring inputs of a row. */
export interface GroupedMatrix {
  /** [out, in]: ternary (−1, 0, 1), binary (±1), u4 (0 … 15) or i8, laid out as packed.ts says. */
  readonly codes: Tensor;
  /** [out, in / group] in f16 or f32, laid out as packed.ts says; a group is 16 (not of u4), 32, 64, 128 or 256 inputs. */
  readonly scales: Tensor;
  /** [out, in / group] f32, of u4 and i8 codes: what is added to each entry of a group. Default: 0. */
  readonly offsets?: Tensor | undefined;
  /** [out] f32 */
  readonly bias?: Tensor | undefined;
}

/**
 * The projection of models whose weights are codes with a scale for each group of inputs: x [.., in] f32 → [.., out].
 *
 * Activations are rounded to int8 in blocks of 32 inputs, whose steps are whole multiples of one unit a token:
 *
 *     u   = max(max|x|, 1e-30) / (127 · 4,095)                  of a token
 *     m_b = min(⌊max|x_b| / (127·u)⌋ + 1, 4,095)                of a block b of 32 inputs
 *     q_c = round(x_c / (m_b·u)), halves to even                −127 … 127
 *     y_o = u · Σ_g (s_og · Σ_{c in g} m_c · q_c · w_oc + offset_og · Σ_{c in g} m_c · q_c) + bias_o
 *
 * The first inner sum is an exact integer for ternary and binary codes, and for each block of others; the second always is; the outer one
 * is taken in f32, groups in ascending order on the CPU. A step of 32 neighbours follows small activations beside an
 * outlier, and costs nothing: kernels multiply by m where they would otherwise add pairs of sums.
 * Matrices of u4 and i8 codes are those of embeddings and heads that stay quantised. For inference only: it has no gradient.
 */
export function groupedLinear(x: Tensor, { codes, scales, offsets, bias }: GroupedMatrix): Tensor {
  const out = sizeOf(codes, 0);
  expectShape('groupedLinear', 'codes', codes, [out, widthOf(x)]);
  expectGrouped('groupedLinear', { codes, scales, offsets });
  if (bias) expectShape('groupedLinear', 'bias', bias, [out]);
  return emit(groupedLinearOp, { x, codes, scales, offsets, bias }).y;
}

const groupSizes: readonly number[] = [16, 32, 64, 128, 256];

/** Throws unless these are a grouped matrix, and returns the size of its groups. */
export function expectGrouped(op: string, { codes, scales, offsets }: Omit<GroupedMatrix, 'bias'>): number {
  if (!['ternary', 'binary', 'u4', 'i8'].includes(codes.dtype)) {
    throw new Error(`${op}: expected codes that are ternary, binary, u4 or i8, found ${codes}`);
  }
  if (scales.dtype !== 'f16' && scales.dtype !== 'f32') {
    throw new Error(`${op}: expected scales in f16 or f32, found ${scales}`);
  }
  const groups = sizeOf(scales, 1);
  expectShape(op, 'scales', scales, [sizeOf(codes, 0), groups]);
  if (offsets) {
    expectShape(op, 'offsets', offsets, scales.shape);
    if (!isWide(codes) || offsets.dtype !== 'f32') {
      throw new Error(
        `${op}: expected offsets in f32 with codes of u4 or i8, found ${offsets} with ${codes}`,
      );
    }
  }
  const group = groupOf(codes, scales);
  const sizes = groupSizes.filter((size) => codes.dtype !== 'u4' || size >= 32);
  if (!sizes.includes(group)) {
    throw new Error(`${op}: expected groups of ${sizes.join(', ')} inputs, found ${group} in ${codes}`);
  }
  return group;
}

/** Whether products with the codes are multiplications, and not only signs. */
function isWide({ dtype }: Tensor): boolean {
  return dtype === 'u4' || dtype === 'i8';
}

/** Inputs that share a scale. */
export function groupOf(codes: Tensor, scales: Tensor): number {
  return widthOf(codes) / widthOf(scales);
}

/** Codes, scales and offsets of a matrix in the order of its rows. */
export function rowsOfCodes({ codes, scales, offsets }: Omit<GroupedMatrix, 'bias'>, data: DataOf) {
  const type = codes.dtype as GroupedType;
  return {
    codes: unpackCodes(type, codes.shape, data(codes)),
    scales: unpackScales(type, scales.shape, data(scales)).map(floatDecoder(scales.dtype)),
    offsets: offsets && data(offsets),
    groups: widthOf(scales),
  };
}

export const groupedLinearOp: Op<Tensors<'x' | 'codes' | 'scales', 'offsets' | 'bias'>, Tensors<'y'>> = {
  name: 'groupedLinear',
  outputs: ({ x, codes }) => ({ y: { shape: withWidth(x.shape, sizeOf(codes, 0)) } }),
  cost: (call) => {
    const { x, codes, scales, offsets } = call.inputs;
    const product = rowsOf(x) * codes.size;
    // Sums of a group by its scale and by its offset.
    const scaled = rowsOf(x) * (scales.size + (offsets?.size ?? 0));
    return cost(call, {
      additions: product + scaled,
      integerAdditions: product,
      // Each activation by its step, each group's sum by its scale, each output by the token's unit.
      multiplications: x.size + scaled + rowsOf(x) * sizeOf(codes, 0),
      ...(isWide(codes) ? { productMultiplications: product } : {}),
      special: (rowsOf(x) * widthOf(x)) / 32,
    });
  },
  reference({ inputs: { x, bias, ...matrixOf }, outputs: { y } }, data) {
    const matrix = { ...rowsOfCodes(matrixOf, data), bias: bias && data(bias) };
    groupedLinearReference(data(x), matrix, widthOf(x), data(y));
  },
  backward({ inputs: { codes } }) {
    throw new Error(
      `groupedLinear has no gradient: ${codes} holds codes with a scale a group, for inference only; ` +
        'train with float weights, or convert the checkpoint to floats first',
    );
  },
};
