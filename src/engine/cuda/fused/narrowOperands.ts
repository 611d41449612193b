/**
 * What only products on tensor cores read, activations and gradients, is stored as those products take it: bf16, rounded
 * once, by the kernel that computes it. Gradients between two blocks are sums of many, which stay f32; the product gets a
 * copy.
 */
import type { CudaFeatures } from '../../../kernels/cuda/launch.ts';
import { rmsNormBackwardOp } from '../../../ops/rmsNorm/rmsNorm.ts';
import { type Call, callOfOp, type Operands, present } from '../../../program/op.ts';
import type { Program } from '../../../program/record.ts';
import { Tensor } from '../../../program/tensor.ts';
import { bitLinearGradientsOp, gradientOfRowsOps } from '../../fused/rowOps.ts';
import { Uses, withoutCalls } from '../../fused/uses.ts';
import { storableAsHalves, takenAsHalves } from './halfOperands.ts';
import { scaledGradientOps } from './integerSums.ts';

const rowGradients: ReadonlySet<unknown> = new Set([
  ...Object.values(gradientOfRowsOps),
  ...Object.values(scaledGradientOps),
]);

type Replacements = ReadonlyMap<Tensor, Tensor>;

/** The same program with such tensors in bf16. */
export function narrowOperands(program: Program, features: CudaFeatures): Program {
  const uses = new Uses(program);
  const narrow = new Map<Tensor, Tensor>();
  for (const call of program.calls) {
    for (const name of storableAsHalves(call, features)) {
      const made = call.outputs[name];
      if (made && isNarrow(call, made, uses, features)) narrow.set(made, halfOf(made));
    }
  }
  const copies = copiesOf(program, uses, features);
  if (narrow.size + copies.size === 0) return program;
  const rewritten = withoutCalls(program);
  rewritten.marks.push(...program.marks);
  rewritten.calls.push(
    ...program.calls.map((call) => withCopy(narrowed(call, narrow, copies, features), copies)),
  );
  return rewritten;
}

function halfOf({ shape, name }: Tensor): Tensor {
  return new Tensor('temporary', 'bf16', shape, `${name}.bf16`);
}

function isNarrow(maker: Call, made: Tensor, uses: Uses, features: CudaFeatures): boolean {
  if (uses.isKept(made)) return false;
  const readers = uses.readers(made);
  if (callOfOp(maker, bitLinearGradientsOp))
    return (
      takenAsHalves(maker, features).length > 0 &&
      readers.every((reader) => rowGradients.has(reader.op) && placesOf(reader, made).length === 1)
    );
  return readers.every((reader) => takesAsHalf(reader, made, features));
}

/** The names under which a call reads a tensor. */
function placesOf({ inputs }: Call, tensor: Tensor): string[] {
  return Object.keys(inputs).filter((name) => inputs[name] === tensor);
}

/** Whether a call reads `made` as nothing but operands of products on tensor cores. */
function takesAsHalf(reader: Call, made: Tensor, features: CudaFeatures): boolean {
  const names = takenAsHalves(reader, features);
  return placesOf(reader, made).every((name) => names.includes(name));
}

/** The call, if it can store its gradient twice. */
function copyingCall(call: Call): Call<Operands, Operands, object> | undefined {
  return callOfOp(call, gradientOfRowsOps.rmsNorm) ?? callOfOp(call, rmsNormBackwardOp);
}

/** Copies in bf16 of sums that products read, too. */
function copiesOf(program: Program, uses: Uses, features: CudaFeatures): Map<Tensor, Tensor> {
  const copies = new Map<Tensor, Tensor>();
  for (const call of program.calls) {
    const dx = copyingCall(call)?.outputs.dx;
    if (dx && uses.readers(dx).some((reader) => takesAsHalf(reader, dx, features)))
      copies.set(dx, halfOf(dx));
  }
  return copies;
}

function narrowed(call: Call, narrow: Replacements, copies: Replacements, features: CudaFeatures): Call {
  const taken = present(call.inputs).filter((one) => copies.has(one) && takesAsHalf(call, one, features));
  const by = new Map([...narrow, ...taken.map((one) => [one, copies.get(one)!] as const)]);
  const operands = [...present(call.inputs), ...present(call.outputs)];
  return operands.some((tensor) => by.has(tensor)) ? replaced(call, by) : call;
}

/** The maker of a copied sum stores the copy. */
function withCopy(call: Call, copies: Replacements): Call {
  const maker = copyingCall(call);
  const half = maker?.outputs.dx && copies.get(maker.outputs.dx);
  if (!half) return call;
  return { ...call, outputs: { ...call.outputs, half }, attributes: { ...maker.attributes, half } };
}

/** A call, or what its attributes are made of, with other tensors. */
function replaced<T>(value: T, by: Replacements): T {
  if (value instanceof Tensor) return (by.get(value) ?? value) as T;
  if (Array.isArray(value)) return value.map((one) => replaced(one, by)) as T;
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).map(([name, one]) => [name, name === 'op' ? one : replaced(one, by)]);
  return Object.fromEntries(fields) as T;
}
