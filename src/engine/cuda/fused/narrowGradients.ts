/**
 * Gradients that only products on tensor cores read are stored as those products take them: bf16, rounded once, by the
 * kernel that computes them. Gradients between two blocks are sums of many, which stay f32; the product gets a copy.
 */
import type { CudaFeatures } from '../../../kernels/cuda/launch.ts';
import { operandType } from '../../../kernels/cuda/operands.cuda.ts';
import { bitLinearBackwardOp } from '../../../ops/bitLinear/bitLinear.ts';
import { crossEntropyBackwardOp } from '../../../ops/crossEntropy/crossEntropy.ts';
import { mlgruBackwardOp } from '../../../ops/mlgru/mlgru.ts';
import { type Call, callOfOp, type Op, present } from '../../../program/op.ts';
import type { Program } from '../../../program/record.ts';
import { rowsOf, widthOf } from '../../../program/shapes.ts';
import { Tensor } from '../../../program/tensor.ts';
import { bitLinearGradientsOp, gradientOfRowsOps } from '../../fused/rowOps.ts';
import { Uses, withoutCalls } from '../../fused/uses.ts';
import { scaledLossBackwardOp } from './integerLogits.ts';
import { scaledGradientOps, scaledMlgruBackwardOp } from './integerSums.ts';

/** The gradients that calls can store as bf16. */
const makers = new Map<Op, readonly string[]>(
  [
    [gradientOfRowsOps.gatedNorm, ['dx']],
    [gradientOfRowsOps.swiglu, ['dx']],
    [scaledGradientOps.gatedNorm, ['dx']],
    [scaledGradientOps.swiglu, ['dx']],
    [mlgruBackwardOp, ['di', 'df']],
    [scaledMlgruBackwardOp, ['di', 'df']],
    [crossEntropyBackwardOp, ['dLogits']],
    [scaledLossBackwardOp, ['dLogits']],
    [bitLinearGradientsOp, ['dy']],
  ].map(([op, names]) => [op as Op, names as string[]]),
);

const rowGradients: ReadonlySet<unknown> = new Set([
  ...Object.values(gradientOfRowsOps),
  ...Object.values(scaledGradientOps),
]);

type Replacements = ReadonlyMap<Tensor, Tensor>;

/** The same program with such gradients in bf16. */
export function narrowGradients(program: Program, features: CudaFeatures): Program {
  const uses = new Uses(program);
  const narrow = new Map<Tensor, Tensor>();
  for (const call of program.calls) {
    for (const name of makers.get(call.op) ?? []) {
      const made = call.outputs[name];
      if (made && isNarrow(call, made, uses, features)) narrow.set(made, halfOf(made));
    }
  }
  const copies = copiesOf(program, uses, features);
  if (narrow.size + copies.size === 0) return program;
  const rewritten = withoutCalls(program);
  rewritten.marks.push(...program.marks);
  rewritten.calls.push(...program.calls.map((call) => withCopy(narrowed(call, narrow, copies), copies)));
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
      takesHalves(maker, features) &&
      readers.every((reader) => rowGradients.has(reader.op) && isOnce(reader, made))
    );
  return readers.every((reader) => isGradientOf(reader, made, features));
}

const isOnce = ({ inputs }: Call, tensor: Tensor) =>
  present(inputs).filter((one) => one === tensor).length === 1;

/** Whether a call reads `made` as nothing but the gradient of a product on tensor cores. */
function isGradientOf(reader: Call, made: Tensor, features: CudaFeatures): boolean {
  return reader.inputs.dOut === made && isOnce(reader, made) && takesHalves(reader, features);
}

function takesHalves(call: Call, features: CudaFeatures): boolean {
  const product = callOfOp(call, bitLinearGradientsOp) ?? callOfOp(call, bitLinearBackwardOp);
  if (!product) return false;
  const { dOut, codes } = product.inputs;
  return operandType(rowsOf(dOut), widthOf(dOut), widthOf(codes), features) === 'bf16';
}

/** Copies in bf16 of sums that products read, too. */
function copiesOf(program: Program, uses: Uses, features: CudaFeatures): Map<Tensor, Tensor> {
  const copies = new Map<Tensor, Tensor>();
  for (const call of program.calls) {
    const dx = callOfOp(call, gradientOfRowsOps.rmsNorm)?.outputs.dx;
    if (dx && uses.readers(dx).some((reader) => isGradientOf(reader, dx, features)))
      copies.set(dx, halfOf(dx));
  }
  return copies;
}

function narrowed(call: Call, narrow: Replacements, copies: Replacements): Call {
  const { dOut } = call.inputs;
  const copy = dOut && copies.get(dOut);
  const by = copy ? new Map([...narrow, [dOut, copy]]) : narrow;
  const operands = [...present(call.inputs), ...present(call.outputs)];
  return operands.some((tensor) => by.has(tensor)) ? replaced(call, by) : call;
}

/** The maker of a copied sum stores the copy. */
function withCopy(call: Call, copies: Replacements): Call {
  const maker = callOfOp(call, gradientOfRowsOps.rmsNorm);
  const half = maker && copies.get(maker.outputs.dx as Tensor);
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
