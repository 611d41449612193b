import type { CudaFeatures, Step } from '../../kernels/cuda/launch.ts';
import { onCuda } from '../../kernels/cuda/lowering.ts';
import { type OperandType, operand, operandType, transposed } from '../../kernels/cuda/operands.cuda.ts';
import type { CallOf } from '../../program/op.ts';
import { rowsOf, sizeOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { thinProduct } from './kernel.cuda.ts';
import { linearBackwardOp, linearOp } from './linear.ts';

/** Up to this many rows, a kernel of our own reads each weight once, as it is stored. */
const maxThinRows = 8;

/** What the products of a call take. In bf16, weights of f16 and int8 would lose bits. */
export function productType(
  { x, weight }: Readonly<Record<'x' | 'weight', Tensor>>,
  features: CudaFeatures,
): OperandType {
  const [rows, out] = [rowsOf(x), sizeOf(weight, 0)];
  if (rows <= maxThinRows) return 'f32';
  const type = operandType(rows, out, widthOf(x), features);
  return type === 'bf16' && (weight.dtype === 'f16' || weight.dtype === 'i8') ? 'f16' : type;
}

function linearForward(
  { inputs, outputs: { y } }: CallOf<typeof linearOp>,
  features: CudaFeatures,
): readonly Step[] {
  const { x, weight, scales } = inputs;
  const [m, n, k] = [rowsOf(x), widthOf(y), widthOf(x)];
  if (m <= maxThinRows) return [thinProduct(x, { weight, scales }, y)];
  const type = productType(inputs, features);
  const [a, b] = [operand(x, type), operand(weight, type, scales)];
  const product = { product: 'linear', a: a.matrix, b: transposed(b.matrix), y, m, n, k };
  return [...a.steps, ...b.steps, product];
}

/** dx = dy · W + before; dW = dyᵀ · x + before */
function linearBackward(
  { inputs, outputs: { dx, dWeight } }: CallOf<typeof linearBackwardOp>,
  features: CudaFeatures,
): readonly Step[] {
  const { x, weight, dy, dxBefore, dWeightBefore } = inputs;
  const [rows, out, width] = [rowsOf(x), widthOf(dy), widthOf(x)];
  const type = productType(inputs, features);
  const [gradient, w, activations] = [operand(dy, type), operand(weight, type), operand(x, type)];
  return [
    ...[...gradient.steps, ...w.steps, ...activations.steps],
    {
      ...{ product: 'linearGradientOfInput', a: gradient.matrix, b: w.matrix },
      ...{ y: dx, to: dxBefore, m: rows, n: width, k: out },
    },
    {
      ...{ product: 'linearGradientOfWeight', a: transposed(gradient.matrix), b: activations.matrix },
      ...{ y: dWeight, to: dWeightBefore, m: out, n: width, k: rows },
    },
  ];
}

export const linearOnCuda = [onCuda(linearOp, linearForward), onCuda(linearBackwardOp, linearBackward)];
