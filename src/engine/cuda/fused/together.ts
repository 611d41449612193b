/**
 * Calls that do the same with many tensors become one, which takes a few launches: the quantising of all weights, and the
 * update of all parameters. A launch for each tensor would leave the card idle between them.
 */
import { onCuda } from '../../../kernels/cuda/lowering.ts';
import { adamwOp } from '../../../ops/adamw/adamw.ts';
import { adamwSteps } from '../../../ops/adamw/cuda.ts';
import { quantiseWeights } from '../../../ops/bitLinear/quantise.cuda.ts';
import { quantiseWeightsOp } from '../../../ops/bitLinear/quantiseWeights.ts';
import { type Call, type CallOf, callOfOp, present, sumOfCosts } from '../../../program/op.ts';
import type { Program } from '../../../program/record.ts';
import { callOf, fusedOp, numbered } from '../../fused/fusedOp.ts';
import { Uses, withoutCalls } from '../../fused/uses.ts';

interface Together<C> {
  readonly calls: readonly C[];
}

const quantiseTogetherOp = togetherOp<CallOf<typeof quantiseWeightsOp>>('quantiseWeightsTogether');
const updateTogetherOp = togetherOp<CallOf<typeof adamwOp>>('adamwTogether');

function togetherOp<C>(name: string) {
  return fusedOp<Together<C>>(name, ({ attributes }) =>
    sumOfCosts((attributes.calls as readonly Call[]).map((call) => call.op.cost(call))),
  );
}

/** The same program: weights are quantised where the first of them is, parameters updated where the last of them is. */
export function together(program: Program): Program {
  const uses = new Uses(program);
  const gathered = withoutCalls(program);
  const begins = [0, ...program.marks];
  begins.forEach((begin, n) => {
    if (n > 0) gathered.marks.push(gathered.calls.length);
    gathered.calls.push(...stretch(program.calls.slice(begin, begins[n + 1]), uses));
  });
  return gathered;
}

/** The calls between two marks. */
function stretch(calls: readonly Call[], uses: Uses): Call[] {
  // Variables keep their value until they are assigned, and nobody reads them afterwards.
  const weights = calls.flatMap((call) => callOfOp(call, quantiseWeightsOp) ?? []);
  const early = weights.filter(({ inputs }) => inputs.weight.kind === 'variable');
  const updates = calls.flatMap((call) => callOfOp(call, adamwOp) ?? []);
  const late = updates.filter(({ outputs }) =>
    present(outputs).every((made) => uses.isKept(made) && uses.readers(made).length === 0),
  );
  const moved = new Map<Call, Call | undefined>([...early, ...late].map((call) => [call as Call, undefined]));
  if (early.length > 1) moved.set(early[0] as Call, gather(quantiseTogetherOp, early));
  else moved.delete(early[0] as Call);
  if (late.length > 1) moved.set(late.at(-1) as unknown as Call, gather(updateTogetherOp, late));
  else moved.delete(late[0] as unknown as Call);
  return calls.flatMap((call) => (moved.has(call) ? (moved.get(call) ?? []) : [call]));
}

function gather<C>(op: ReturnType<typeof togetherOp<C>>, calls: readonly C[]): Call {
  const all = calls as readonly Call[];
  const read = new Set(all.flatMap(({ inputs }) => present(inputs)));
  const made = all.flatMap(({ outputs }) => present(outputs));
  return callOf(op, numbered('read', [...read]), numbered('made', made), { calls });
}

export const togetherOnCuda = [
  onCuda(quantiseTogetherOp, ({ attributes: { calls } }) =>
    quantiseWeights(calls.map(({ inputs, outputs }) => ({ ...inputs, ...outputs }))),
  ),
  onCuda(updateTogetherOp, ({ attributes: { calls } }) => adamwSteps(calls)),
];
