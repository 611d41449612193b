/**
 * Fuses for GPUs: a run of calls that one kernel can compute becomes one call. Models know nothing of fusing; the
 * recorded program says enough.
 */
import { addOp } from '../../ops/add/add.ts';
import { bitLinearOp } from '../../ops/bitLinear/bitLinear.ts';
import { gatedNormOp } from '../../ops/gatedNorm/gatedNorm.ts';
import { mlgruOp } from '../../ops/mlgru/mlgru.ts';
import { normalisesRows, rmsNormOp } from '../../ops/rmsNorm/rmsNorm.ts';
import { swigluOp } from '../../ops/swiglu/swiglu.ts';
import {
  type Call,
  type CallOf,
  type Cost,
  callOfOp,
  cost,
  type Operands,
  present,
  sumOfCosts,
} from '../../program/op.ts';
import type { Program } from '../../program/record.ts';
import { rowsOf, sizeOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { foldSums } from './foldSums.ts';
import { callOf, fusedOp, numbered } from './fusedOp.ts';
import { fuseRows } from './fuseRows.ts';
import {
  type GroupedProjections,
  groupedCalls,
  type HeadsToPages,
  madeBy,
  matchesOf,
} from './groupedProjections.ts';
import type { Epilogue, FusedProjections, Prologue } from './projections.ts';
import type { GradientOfRows, QuantiseRows } from './rows.ts';
import { Uses, withoutCalls } from './uses.ts';

/** Up to this many tokens, each token reads the weights by itself; above, shared tiles are faster. */
const maxTokens = 8;

/** What an engine has kernels for. */
export interface FusingKernels {
  suitsProjections(t: FusedProjections): boolean;
  suitsGrouped(t: GroupedProjections, heads: HeadsToPages | undefined): boolean;
  suitsQuantising(t: QuantiseRows): boolean;
  suitsGradient(t: GradientOfRows): boolean;
  /** Into how many parts its kernels cut so many rows for the largest entry of a gradient. */
  partsOf(rows: number): number;
}

/** The same program with calls fused as far as there are kernels. */
export function fuse(program: Program, kernels: FusingKernels): Program {
  return fuseRows(fuseTokens(foldSums(program), kernels), maxTokens + 1, kernels);
}

/** Runs of calls for few tokens, each for one kernel. */
function fuseTokens(program: Program, kernels: FusingKernels): Program {
  if (program.marks.length > 0) return program; // marks lie between calls; such programs train, they don't decode
  const uses = new Uses(program);
  const fused = withoutCalls(program);
  for (let line = 0; line < program.calls.length; ) {
    const replacement =
      projectionsAt(program, line, uses, kernels) ?? groupedAt(program, line, uses, kernels);
    fused.calls.push(...(replacement?.calls ?? program.calls.slice(line, line + 1)));
    line += replacement?.length ?? 1;
  }
  return fused;
}

/** Fused calls in place of so many others. */
interface Replacement {
  readonly calls: readonly Call[];
  readonly length: number;
}

type Finds = (program: Program, line: number, uses: Uses, kernels: FusingKernels) => Replacement | undefined;

const projectionsAt: Finds = (program, line, uses, kernels) => {
  const found = matchAt(program.calls, line);
  if (!found) return undefined;
  const { projections, length } = found;
  const calls = program.calls.slice(line, line + length);
  const isHidden = areOwn(hiddenBy(projections, calls), calls, uses);
  if (!isHidden || !kernels.suitsProjections(projections)) return undefined;
  return { calls: [fusedCall(projections, calls)], length };
};

const groupedAt: Finds = (program, line, uses, kernels) => {
  for (const match of matchesOf(program.calls, line, maxTokens)) {
    const calls = program.calls.slice(line, line + match.length);
    const made = madeBy(match);
    const hidden = calls.flatMap(({ outputs }) => present(outputs)).filter((tensor) => !made.has(tensor));
    if (areOwn(hidden, calls, uses) && kernels.suitsGrouped(match.projections, match.heads))
      return { calls: groupedCalls(match, calls), length: match.length };
  }
  return undefined;
};

/** Whether only these calls read the tensors. */
function areOwn(tensors: readonly Tensor[], calls: readonly Call[], uses: Uses): boolean {
  const own: ReadonlySet<Call> = new Set(calls);
  return tensors.every((tensor) => !uses.isKept(tensor) && uses.readers(tensor).every((one) => own.has(one)));
}

interface Match {
  readonly projections: FusedProjections;
  /** Number of calls that it replaces. */
  readonly length: number;
}

type Projection = NonNullable<ReturnType<typeof projectionOf>>;

const projectionOf = (call: Call | undefined) => callOfOp(call, bitLinearOp);

/** The longest run from `line` on of a norm (or none), projections of its result, and their use. */
function matchAt(calls: readonly Call[], line: number): Match | undefined {
  const [first, ...rest] = calls.slice(line, line + 5);
  if (!first) return undefined;
  const before = prologueOf(first);
  const { x, result } = before ?? { x: projectionOf(first)?.inputs.x, result: undefined };
  const read = result ?? x;
  const projects = (call: Call | undefined) => {
    const projection = projectionOf(call);
    return projection?.inputs.x === read ? projection : undefined;
  };
  const [one, two, three, four] = before ? rest : [first, ...rest];
  const projection = projects(one);
  if (!x || !projection || rowsOf(x) > maxTokens) return undefined;
  const match = (projections: readonly Projection[], epilogue: Epilogue, used: number): Match => ({
    projections: {
      x,
      prologue: before?.prologue ?? { kind: 'none' },
      matrices: projections.map(matrixOf),
      epilogue,
    },
    length: (before ? 1 : 0) + used,
  });
  // The gate's projection comes after the recurrence, or before the other two.
  for (const [i, f, g, recurrence] of [
    [one, two, four, three],
    [two, three, one, four],
  ]) {
    const gates = [projects(i), projects(f), projects(g)] as const;
    const mlgru = callOfOp(recurrence, mlgruOp);
    const epilogue = mlgru && areAll(gates) && mlgruEpilogue(gates, mlgru);
    if (epilogue) return match(gates, epilogue, 4);
  }
  const epilogue = epilogueOf(projection.outputs.y, two);
  return epilogue
    ? match([projection], epilogue, 2)
    : match([projection], { kind: 'none', y: projection.outputs.y }, 1);
}

/** How the call after a projection uses its result y. */
function epilogueOf(y: Tensor, call: Call | undefined): Epilogue | undefined {
  const swiglu = callOfOp(call, swigluOp);
  if (swiglu?.inputs.x === y && widthOf(y) % 4 === 0) return { kind: 'swiglu', y: swiglu.outputs.y };
  const add = callOfOp(call, addOp);
  if (!add) return undefined;
  const { a, b } = add.inputs;
  if (a !== y && b !== y) return undefined;
  const to = a === y ? b : a;
  return to !== y && to.size === y.size ? { kind: 'add', to, y: add.outputs.y } : undefined;
}

interface Before {
  readonly prologue: Prologue;
  /** The normalised tensor. */
  readonly x: Tensor;
  readonly result: Tensor;
}

function prologueOf(call: Call): Before | undefined {
  const norm = callOfOp(call, rmsNormOp);
  if (norm && normalisesRows(norm.inputs)) {
    const { inputs, outputs, attributes } = norm;
    const { x, gamma } = inputs;
    return { x, result: outputs.y, prologue: { kind: 'rmsNorm', gamma, ...attributes } };
  }
  const gated = callOfOp(call, gatedNormOp);
  if (!gated) return undefined;
  const { x, h, gamma } = gated.inputs;
  return { x, result: gated.outputs.y, prologue: { kind: 'gatedNorm', h, gamma, ...gated.attributes } };
}

type Gates = readonly [Projection, Projection, Projection];

function areAll(gates: readonly (Projection | undefined)[]): gates is Gates {
  return gates.every((gate) => gate !== undefined);
}

/** The recurrence for one token of each sequence; its gates are the first two projections. */
function mlgruEpilogue(
  [i, f, g]: Gates,
  { inputs, outputs, attributes }: CallOf<typeof mlgruOp>,
): Epilogue | undefined {
  const { i: xi, f: xf, start, bounds } = inputs;
  if (xi !== i.outputs.y || xf !== f.outputs.y || sizeOf(xi, 1) !== 1) return undefined;
  if (i.inputs.codes.shape.join() !== g.inputs.codes.shape.join()) return undefined;
  return { kind: 'mlgru', start, bounds, ...attributes, ...outputs, g: g.outputs.y };
}

function matrixOf({ inputs: { norm, codes, scale } }: Projection) {
  return { norm, codes, scale };
}

/** Bytes that the calls pass among themselves, for which the fused call has no tensor. */
function hiddenBy({ epilogue }: FusedProjections, calls: readonly Call[]): Tensor[] {
  const seen = new Set(Object.values(epilogue));
  return calls.flatMap(({ outputs }) => present(outputs)).filter((tensor) => !seen.has(tensor));
}

function fusedCall(projections: FusedProjections, replaced: readonly Call[]): Call {
  const made = new Set(replaced.flatMap(({ outputs }) => present(outputs)));
  const kept = Object.values(projections.epilogue).filter((value): value is Tensor => made.has(value));
  const read = replaced.flatMap(({ inputs }) => present(inputs)).filter((tensor) => !made.has(tensor));
  const inputs = numbered('read', [...new Set(read)]);
  return callOf(fusedProjectionsOp, inputs, numbered('kept', kept), { projections, replaced });
}

interface Attributes {
  readonly projections: FusedProjections;
  readonly replaced: readonly Call[];
}

/** The work of the replaced calls, without reading and writing the tensors that they pass among themselves. */
function workOf(call: Call<Operands, Operands, Attributes>): Cost {
  return cost(call, sumOfCosts(call.attributes.replaced.map((one) => one.op.cost(one))));
}

export const fusedProjectionsOp = fusedOp<Attributes>('fusedProjections', workOf);
