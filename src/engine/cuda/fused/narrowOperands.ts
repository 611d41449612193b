/**
 * What only products on tensor cores read, activations and gradients, is stored as those products take it, in bf16, or in
 * f16 beside weights of f16: rounded once, by the kernel that computes it. Gradients between two blocks are sums of many,
 * which stay f32; the product gets a copy.
 */
import type { CudaFeatures } from '../../../kernels/cuda/launch.ts';
import { rmsNormBackwardOp } from '../../../ops/rmsNorm/rmsNorm.ts';
import { type Call, callOfOp, type Operands, present } from '../../../program/op.ts';
import type { Program } from '../../../program/record.ts';
import { Tensor } from '../../../program/tensor.ts';
import { bitLinearGradientsOp, gradientOfRowsOps } from '../../fused/rowOps.ts';
import { Uses, withoutCalls } from '../../fused/uses.ts';
import { type HalfType, storableAsHalves, takenAsHalves } from './halfOperands.ts';
import { scaledGradientOps } from './integerSums.ts';

const rowGradients: ReadonlySet<unknown> = new Set([
  ...Object.values(gradientOfRowsOps),
  ...Object.values(scaledGradientOps),
]);

type Replacements = ReadonlyMap<Tensor, Tensor>;

/** Whether a call reads a tensor as nothing but operands of products on tensor cores. */
type Takes = (reader: Call, made: Tensor) => boolean;

/** The same program with such tensors in 16 bits. */
export function narrowOperands(program: Program, features: CudaFeatures): Program {
  const uses = new Uses(program);
  const takesAs =
    (type: HalfType): Takes =>
    (reader, made) => {
      const names = takenAsHalves(reader, features, type);
      return placesOf(reader, made).every((name) => names.includes(name));
    };
  const narrow = new Map<Tensor, Tensor>();
  for (const type of ['bf16', 'f16'] as const) {
    for (const call of program.calls) {
      for (const name of storableAsHalves(call, features, type)) {
        const made = call.outputs[name];
        if (made && !narrow.has(made) && isNarrow(call, made, uses, takesAs(type)))
          narrow.set(made, halfOf(made, type));
      }
    }
  }
  const copies = copiesOf(program, uses, takesAs('bf16'));
  if (narrow.size + copies.size === 0) return program;
  const rewritten = withoutCalls(program);
  rewritten.marks.push(...program.marks);
  rewritten.calls.push(
    ...program.calls.map((call) => withCopy(narrowed(call, narrow, copies, takesAs('bf16')), copies)),
  );
  return rewritten;
}

function halfOf({ shape, name }: Tensor, type: HalfType): Tensor {
  return new Tensor('temporary', type, shape, `${name}.${type}`);
}

function isNarrow(maker: Call, made: Tensor, uses: Uses, takes: Takes): boolean {
  if (uses.isKept(made)) return false;
  const readers = uses.readers(made);
  if (callOfOp(maker, bitLinearGradientsOp))
    return (
      takes(maker, maker.inputs.dOut as Tensor) &&
      readers.every((reader) => rowGradients.has(reader.op) && placesOf(reader, made).length === 1)
    );
  return readers.every((reader) => takes(reader, made));
}

/** The names under which a call reads a tensor. */
function placesOf({ inputs }: Call, tensor: Tensor): string[] {
  return Object.keys(inputs).filter((name) => inputs[name] === tensor);
}

/** The call, if it can store its gradient twice. */
function copyingCall(call: Call): Call<Operands, Operands, object> | undefined {
  return callOfOp(call, gradientOfRowsOps.rmsNorm) ?? callOfOp(call, rmsNormBackwardOp);
}

/** Copies in bf16 of sums that products read, too. */
function copiesOf(program: Program, uses: Uses, takes: Takes): Map<Tensor, Tensor> {
  const copies = new Map<Tensor, Tensor>();
  for (const call of program.calls) {
    const dx = copyingCall(call)?.outputs.dx;
    if (dx && uses.readers(dx).some((reader) => takes(reader, dx))) copies.set(dx, halfOf(dx, 'bf16'));
  }
  return copies;
}

function narrowed(call: Call, narrow: Replacements, copies: Replacements, takes: Takes): Call {
  const taken = present(call.inputs).filter((one) => copies.has(one) && takes(call, one));
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
