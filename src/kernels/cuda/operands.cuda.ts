/**
 * Operands of dense products. Large products take bf16: eight times the rate of f32 on tensor cores, with sums in f32. With
 * weights that are stored in f16 or int8 they take f16, which keeps eleven bits of both. cuBLASLt wants rows of whole
 * vectors of 16 bytes, so other matrices stay in f32.
 */
import { widthOf } from '../../program/shapes.ts';
import type { DType, Tensor } from '../../program/tensor.ts';
import { scratch } from '../scratch.ts';
import type { CudaFeatures, Launch, MatrixOperand } from './launch.ts';
import { eachElement, overElements } from './shapes.ts';

/** The element type of a product's operands. */
export type OperandType = Extract<DType, 'f32' | 'bf16' | 'f16'>;

/** What a product of m · n · k multiply-adds takes: bf16 if it is worth the conversion and rows are whole vectors. */
export function operandType(m: number, n: number, k: number, { minHalfWork }: CudaFeatures): OperandType {
  const aligned = m % 8 === 0 && n % 8 === 0 && k % 8 === 0;
  return aligned && m * n * k >= minHalfWork ? 'bf16' : 'f32';
}

export interface Operand {
  readonly steps: readonly Launch[];
  readonly matrix: MatrixOperand;
}

/** A tensor [rows, width] of floats as an operand, with scales [rows] for i8: itself if it has the type. */
export function operand(x: Tensor, type: OperandType, scales?: Tensor): Operand {
  const columns = widthOf(x);
  if (x.dtype === type) return { steps: [], matrix: { tensor: x, columns } };
  const tensor = scratch(`${x.name}.${type}`, x.shape, type);
  if (x.dtype === 'f32' && x.size % 8 === 0)
    return { steps: [narrowed(x, tensor)], matrix: { tensor, columns } };
  return {
    steps: [
      {
        kernel: `convert.${x.dtype}.${type}`,
        body: eachElement(`${stored(type, 'toFloat(x[i]) * (scales ? scales[i / width] : 1.f)')}`),
        tensors: { x, scales, y: tensor },
        numbers: { size: x.size, width: columns },
        ...overElements(x.size),
      },
    ],
    matrix: { tensor, columns },
  };
}

/** f32 to 16 bits, eight at a time. */
function narrowed(x: Tensor, y: Tensor): Launch {
  const two = y.dtype === 'f16' ? 'twoF16' : 'twoBf16';
  return {
    kernel: `narrow.${y.dtype}`,
    body: eachElement(`
    const float4 a = ((const float4*)x)[2 * i], b = ((const float4*)x)[2 * i + 1];
    ((uint4*)y)[i] = make_uint4(${two}(a.x, a.y), ${two}(a.z, a.w), ${two}(b.x, b.y), ${two}(b.z, b.w));`),
    tensors: { x, y },
    numbers: { size: x.size / 8 },
    ...overElements(x.size / 8),
  };
}

/** y[i] in an operand's type. */
export function stored(type: OperandType, value: string): string {
  return `y[i] = ${{ f32: value, bf16: `toBf16(${value})`, f16: `toF16(${value})` }[type]};`;
}

/** The operand read the other way round. */
export function transposed(matrix: MatrixOperand): MatrixOperand {
  return { ...matrix, transposed: true };
}
