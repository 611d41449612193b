/** The two dense products of the backward pass: dŷ = dOut · Ŵ and dW = dOutᵀ · ŷ + before. */
import type { CudaFeatures, Launch, Step } from '../../kernels/cuda/launch.ts';
import {
  type OperandType,
  operand,
  operandType,
  stored,
  transposed,
} from '../../kernels/cuda/operands.cuda.ts';
import { eachElement, overElements } from '../../kernels/cuda/shapes.ts';
import { scratch } from '../../kernels/scratch.ts';
import type { Tensors } from '../../program/op.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { unpackCodes } from './product.cuda.ts';

export type BitLinearGradients = Tensors<
  'dOut' | 'codes' | 'scale' | 'q' | 'step' | 'dy' | 'dWeight',
  'before'
> & {
  /** The first row of q and step that belongs to dOut's. */
  readonly first?: number;
};

/** ŷ = q/s takes the rows' steps into the operand, and Ŵ = w·t its factor t into the product, so that codes stay exact. */
export function bitLinearGradients(t: BitLinearGradients, features: CudaFeatures): readonly Step[] {
  const { dOut, codes, scale, q, step, dy, dWeight, before, first = 0 } = t;
  const [rows, out, width] = [rowsOf(dOut), widthOf(dOut), widthOf(dy)];
  const type = operandType(rows, out, width, features);
  const gradient = operand(dOut, type);
  const weights = scratch('weights', [out, width], type);
  const activations = scratch('activations', [rows, width], type);
  return [
    ...gradient.steps,
    unpackCodes(codes, weights),
    {
      ...{ product: 'bitLinearGradientOfInput', a: gradient.matrix },
      b: { tensor: weights, columns: width },
      ...{ y: dy, alpha: scale, m: rows, n: width, k: out },
    },
    dequantise({ q, step, y: activations }, first, type),
    {
      ...{ product: 'bitLinearGradientOfWeight', a: transposed(gradient.matrix) },
      b: { tensor: activations, columns: width },
      ...{ y: dWeight, to: before, m: out, n: width, k: rows },
    },
  ];
}

/** y [rows, width] = q · step */
function dequantise(
  { q, step, y }: Record<'q' | 'step' | 'y', Tensor>,
  first: number,
  type: OperandType,
): Launch {
  const [width, columns] = [widthOf(y), widthOf(q)];
  if (type === 'bf16') {
    return {
      kernel: `dequantise.${width}`,
      body: eachElement(`
    const unsigned row = i / ${width / 8};
    const uint2 bytes = *(const uint2*)(q + (size_t)(first + row) * ${columns} + i % ${width / 8} * 8);
    const float unit = step[first + row];
    float x[8];
    for (int k = 0; k < 8; k++) x[k] = (signed char)((k < 4 ? bytes.x : bytes.y) >> 8 * (k % 4)) * unit;
    ((uint4*)y)[i] = make_uint4(twoBf16(x[0], x[1]), twoBf16(x[2], x[3]), twoBf16(x[4], x[5]), twoBf16(x[6], x[7]));`),
      tensors: { q, step, y },
      numbers: { size: y.size / 8, first },
      ...overElements(y.size / 8),
    };
  }
  return {
    kernel: `dequantise.${type}`,
    body: eachElement(`
    const unsigned row = first + i / width;
    ${stored(type, 'q[(size_t)row * columns + i % width] * step[row]')}`),
    tensors: { q, step, y },
    numbers: { size: y.size, width, columns, first },
    ...overElements(y.size),
  };
}
