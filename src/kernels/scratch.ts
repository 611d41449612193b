/** Scratch: temporaries that the kernels of one call pass among themselves. The program does not know them. */
import { type Call, present } from '../program/op.ts';
import { type DType, type Shape, Tensor } from '../program/tensor.ts';

/** A temporary of the kernels of one call, to which an engine's plan gives memory. */
export function scratch(name: string, shape: Shape, dtype: DType = 'f32'): Tensor {
  return new Tensor('temporary', dtype, shape, name);
}

/** The scratch among the tensors of a call's kernels: temporaries that are not operands of the call. */
export function scratchAmong({ inputs, outputs }: Call, used: readonly Tensor[]): Tensor[] {
  const operands = new Set([...present(inputs), ...present(outputs)]);
  return [...new Set(used)].filter((tensor) => tensor.kind === 'temporary' && !operands.has(tensor));
}
