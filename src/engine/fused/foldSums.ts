/**
 * Sums of gradients: a call that can add what it computes to a sum does so, instead of a call of its own that reads both
 * again. So the second pass over a weight adds to the gradient of the first in its product.
 */
import { addOp } from '../../ops/add/add.ts';
import { type Call, callOfOp } from '../../program/op.ts';
import type { Program } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import { Uses, withoutCalls } from './uses.ts';

/** Operands by this name are what is added to an output, whose memory may be theirs. */
const sumSoFar = /Before$/;

/** The same program, in which additions to results of calls that can add are theirs. */
export function foldSums(program: Program): Program {
  const uses = new Uses(program);
  const replaced = new Map<Call, Call>();
  const dropped = new Set<Call>();
  for (const call of program.calls) {
    const sum = callOfOp(call, addOp);
    if (!sum || sum.inputs.a.size !== sum.inputs.b.size) continue;
    const { a, b } = sum.inputs;
    const folded = adding(a, b, call, uses, replaced) ?? adding(b, a, call, uses, replaced);
    if (!folded) continue;
    replaced.set(folded.maker, folded.call);
    dropped.add(call);
  }
  if (dropped.size === 0) return program;
  const rewritten = withoutCalls(program);
  const before = (line: number) => program.calls.slice(0, line).filter((call) => dropped.has(call)).length;
  rewritten.marks.push(...program.marks.map((mark) => mark - before(mark)));
  for (const call of program.calls) if (!dropped.has(call)) rewritten.calls.push(replaced.get(call) ?? call);
  return rewritten;
}

/** The call that makes `made` and nobody else reads, with `to` added to it as the sum that `sum` is. */
function adding(
  made: Tensor,
  to: Tensor,
  sum: Call,
  uses: Uses,
  replaced: ReadonlyMap<Call, Call>,
): { readonly maker: Call; readonly call: Call } | undefined {
  const maker = uses.maker(made);
  if (!maker || uses.isKept(made) || uses.readers(made).length !== 1) return undefined;
  if (to.kind !== 'temporary' || !uses.isThere(to, maker) || made.shape.join() !== to.shape.join())
    return undefined;
  const { op, inputs, outputs, attributes } = replaced.get(maker) ?? maker;
  const name = Object.keys(outputs).find((one) => outputs[one] === made);
  const operand = name === undefined ? undefined : (op.inPlace?.[name] as string | undefined);
  if (!name || !operand || !sumSoFar.test(operand) || inputs[operand]) return undefined;
  const call: Call = {
    ...{ op, attributes, inputs: { ...inputs, [operand]: to } },
    outputs: { ...outputs, [name]: sum.outputs.y },
  };
  return { maker, call };
}
