/**
 * Fuses for many rows: prompts and training. The result of a norm, a gated norm or a gated unit that only projections
 * read is not stored: one call makes the int8 rows of all projections, which their products and the backward pass
 * share. One call computes the backward pass of the projections' norms and their source. A product is added to the
 * residual as it is stored.
 */

import { addOp } from '../../ops/add/add.ts';
import { bitLinearBackwardOp, bitLinearOp } from '../../ops/bitLinear/bitLinear.ts';
import { gatedNormBackwardOp, gatedNormOp } from '../../ops/gatedNorm/gatedNorm.ts';
import { normalisesRows, rmsNormBackwardOp, rmsNormOp } from '../../ops/rmsNorm/rmsNorm.ts';
import { swigluBackwardOp, swigluOp } from '../../ops/swiglu/swiglu.ts';
import { type Call, type CallOf, callOfOp, type Operands } from '../../program/op.ts';
import type { Program } from '../../program/record.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import { type DType, Tensor } from '../../program/tensor.ts';
import type { FusingKernels } from './fuse.ts';
import { callOf, numbered } from './fusedOp.ts';
import { bitLinearGradientsOp, gradientOfRowsOps, quantiseRowsOp, ternaryProductOp } from './rowOps.ts';
import { type RowSource, sourceTensors } from './rowSource.ts';
import type { GradientOfRows, QuantiseRows, Sum } from './rows.ts';
import { Uses, withoutCalls } from './uses.ts';

/** The replacements of calls; an empty list removes a call. */
type Replacements = Map<Call, readonly Call[]>;
/** The calls that marks wait for. */
type Waiting = Map<number, Call>;

type Projection = CallOf<typeof bitLinearOp>;
type ProjectionBackward = CallOf<typeof bitLinearBackwardOp>;

export function fuseRows(program: Program, minRows: number, kernels: FusingKernels): Program {
  const uses = new Uses(program);
  const replaced: Replacements = new Map();
  const waiting: Waiting = new Map();
  for (const call of program.calls) {
    const found = sourceOf(call);
    if (!found || rowsOf(found.source.x) < minRows) continue;
    const group = groupOf(call, found, uses);
    const ofGroup: Replacements = group ? replacementsOf(group, uses, kernels) : new Map();
    for (const [from, to] of ofGroup) replaced.set(from, to);
    if (group && ofGroup.size > 0) for (const [mark, last] of marksOf(group, uses)) waiting.set(mark, last);
  }
  return replaced.size ? rewritten(program, withLargest(replaced), waiting) : program;
}

/** Marks by which a gradient was complete that the group's last call now makes, with that call. */
function marksOf({ backward, sourceBackward }: Group, uses: Uses): readonly (readonly [number, Call])[] {
  if (!sourceBackward) return [];
  const { call } = sourceBackward;
  return backward.flatMap((one) => uses.marksBetween(one, call).map((mark) => [mark, call] as const));
}

/** Products of gradients need their largest entries, which the calls that make them know. */
function withLargest(replaced: Replacements): Replacements {
  const largest = new Map<Tensor | undefined, Tensor>();
  for (const call of [...replaced.values()].flat()) {
    for (const op of Object.values(gradientOfRowsOps)) {
      const maker = callOfOp(call, op);
      if (maker) largest.set(maker.attributes.dx.y, maker.attributes.largest);
    }
  }
  const completed = (call: Call): Call => {
    const gradients = callOfOp(call, bitLinearGradientsOp);
    if (!gradients) return call;
    const { inputs, outputs, attributes } = gradients;
    const known = { ...inputs, largest: largest.get(inputs.dOut) };
    return callOf(bitLinearGradientsOp, known, outputs, attributes);
  };
  return new Map([...replaced].map(([from, to]) => [from, to.map(completed)]));
}

interface FoundSource {
  readonly source: RowSource;
  readonly result: Tensor;
}

function sourceOf(call: Call): FoundSource | undefined {
  const norm = callOfOp(call, rmsNormOp);
  if (norm && normalisesRows(norm.inputs)) {
    const source = { kind: 'rmsNorm', ...norm.inputs, ...norm.attributes } as const;
    return { source, result: norm.outputs.y };
  }
  const gated = callOfOp(call, gatedNormOp);
  if (gated) {
    const source = { kind: 'gatedNorm', ...gated.inputs, ...gated.attributes } as const;
    return { source, result: gated.outputs.y };
  }
  const unit = callOfOp(call, swigluOp);
  return unit && { source: { kind: 'swiglu', ...unit.inputs }, result: unit.outputs.y };
}

/** A source with the projections of its result, forward and, in training, backward. */
interface Group extends FoundSource {
  readonly call: Call;
  readonly norms: readonly Tensor[];
  readonly forward: readonly Projection[];
  readonly backward: readonly ProjectionBackward[];
  /** The source's own backward call; present if the projections have theirs. */
  readonly sourceBackward: SourceBackward | undefined;
}

/** The group of a source whose result only its projections read. */
function groupOf(call: Call, found: FoundSource, uses: Uses): Group | undefined {
  const { result } = found;
  const readers = uses.readers(result);
  const forward = readers.flatMap((reader) => callOfOp(reader, bitLinearOp) ?? []).filter(reads(result));
  const backward = readers
    .flatMap((reader) => callOfOp(reader, bitLinearBackwardOp) ?? [])
    .filter(reads(result));
  const isShared = forward.length + backward.length < readers.length || uses.isKept(result);
  if (isShared || readers.length === 0) return undefined;
  const norms = [...new Set([...forward, ...backward].map(normOf))];
  const isOnce = (calls: readonly (Projection | ProjectionBackward)[]) =>
    new Set(calls.map(normOf)).size === calls.length;
  if (!isOnce(forward) || !isOnce(backward)) return undefined;
  const group = { ...found, call, norms, forward, backward };
  if (backward.length === 0) return { ...group, sourceBackward: undefined };
  const sourceBackward = sourceBackwardOf(call, backward, uses);
  if (!sourceBackward || backward.length !== norms.length) return undefined;
  return { ...group, sourceBackward };
}

const reads = (x: Tensor) => (call: { readonly inputs: { readonly x: Tensor } }) => call.inputs.x === x;
const normOf = ({ inputs }: Projection | ProjectionBackward) => inputs.norm;

/** A source's backward call: the gradient that it adds to, and its results. */
interface SourceBackward {
  readonly call: Call;
  /** The gradient of the source's result. */
  readonly dy: Tensor;
  readonly dx: Sum;
  readonly dgamma: Sum | undefined;
  readonly dh: Tensor | undefined;
}

function asSourceBackward(call: Call | undefined): SourceBackward | undefined {
  const norm = callOfOp(call, rmsNormBackwardOp);
  if (call && norm) {
    const { dy, dxBefore, dgammaBefore } = norm.inputs;
    const { dx, dgamma } = norm.outputs;
    const sums = { dx: { y: dx, before: dxBefore }, dgamma: { y: dgamma, before: dgammaBefore } };
    return { call, dy, ...sums, dh: undefined };
  }
  const gated = callOfOp(call, gatedNormBackwardOp);
  if (call && gated) {
    const { dy, dxBefore, dgammaBefore } = gated.inputs;
    const { dx, dgamma, dh } = gated.outputs;
    const sums = { dx: { y: dx, before: dxBefore }, dgamma: { y: dgamma, before: dgammaBefore } };
    return { call, dy, ...sums, dh };
  }
  const unit = callOfOp(call, swigluBackwardOp);
  if (!call || !unit) return undefined;
  const dx = { y: unit.outputs.dx, before: undefined };
  return { call, dy: unit.inputs.dy, dx, dgamma: undefined, dh: undefined };
}

/** The call that adds to the gradient of the source's result, if that gradient is the sum of the projections' alone. */
function sourceBackwardOf(
  call: Call,
  backward: readonly ProjectionBackward[],
  uses: Uses,
): SourceBackward | undefined {
  const sums = backward.map(({ outputs }) => outputs.dx);
  const before = new Set(backward.map(({ inputs }) => inputs.dxBefore));
  const [last, ...more] = sums.filter((sum) => !before.has(sum));
  if (!last || more.length || [...before].some((sum) => sum && !sums.includes(sum))) return undefined;
  const [first, ...others] = uses.readers(last);
  const reader = asSourceBackward(first);
  const isOfSource =
    reader?.dy === last &&
    Object.entries(call.inputs).every(([name, tensor]) => reader.call.inputs[name] === tensor);
  if (!isOfSource || others.length) return undefined;
  const calls: ReadonlySet<Call> = new Set<Call>(backward);
  const isOwnAffair = (sum: Tensor) =>
    !uses.isKept(sum) && uses.readers(sum).every((one) => one === reader.call || calls.has(one));
  const mayWait = backward.every((one) => uses.mayWait([one.outputs.dNorm], one, reader.call));
  return sums.every(isOwnAffair) && mayWait ? reader : undefined;
}

function replacementsOf(group: Group, uses: Uses, kernels: FusingKernels): Replacements {
  const { call, result, forward, backward, sourceBackward } = group;
  const quantised = quantisedRows(group);
  if (!kernels.suitsQuantising(quantised)) return new Map();
  const replaced: Replacements = new Map([[call, [quantiseCall(quantised)]]]);
  for (const one of forward) {
    const sum = residualOf(one, uses);
    replaced.set(one, [productCall(one, quantised, sum)]);
    if (sum) replaced.set(sum.call, []);
  }
  if (sourceBackward) {
    const dys = new Map(backward.map((one) => [one, temporary(one.outputs.dx, 'dy', result.shape)]));
    const gradient = gradientOf(group, sourceBackward, [...dys], kernels.partsOf(rowsOf(group.source.x)));
    if (!kernels.suitsGradient(gradient)) return new Map();
    for (const [one, dy] of dys) {
      replaced.set(one, [gradientCall(one, quantised, dy)]);
    }
    replaced.set(sourceBackward.call, [gradientOfRowsCall(gradient)]);
  }
  return replaced;
}

/** A temporary of a fused call, named after the result that it replaces. */
function temporary(
  { name: made }: Tensor,
  name: string,
  shape: readonly number[],
  dtype: DType = 'f32',
): Tensor {
  return new Tensor('temporary', dtype, shape, `${made}.${name}`);
}

function quantisedRows({ source, result, norms }: Group): QuantiseRows {
  const rows = norms.length * rowsOf(result);
  return {
    ...{ source, norms },
    q: temporary(result, 'q', [rows, Math.ceil(widthOf(result) / 16) * 16], 'i8'),
    step: temporary(result, 'step', [rows]),
    sum: temporary(result, 'sum', [rows], 'i32'),
  };
}

/** A call that adds something to a projection's result. */
interface Residual {
  readonly call: Call;
  readonly to: Tensor;
  readonly y: Tensor;
}

/** The call that adds a projection to an earlier tensor, if no other call reads the projection. */
function residualOf(projection: Projection, uses: Uses): Residual | undefined {
  const { y } = projection.outputs;
  const [call, ...others] = uses.readers(y);
  const add = callOfOp(call, addOp);
  if (!call || !add || others.length || uses.isKept(y)) return undefined;
  const to = add.inputs.a === y ? add.inputs.b : add.inputs.a;
  const isUsable = to !== y && to.size === y.size && uses.isThere(to, projection);
  return isUsable ? { call, to, y: add.outputs.y } : undefined;
}

/** A projection's rows among those of its siblings. */
function firstRowOf(projection: Projection | ProjectionBackward, { norms, step }: QuantiseRows): number {
  return norms.indexOf(normOf(projection)) * (step.size / norms.length);
}

function quantiseCall(quantised: QuantiseRows): Call {
  const { source, norms, q, step, sum } = quantised;
  const inputs = { ...sourceTensors(source), ...numbered('norm', norms) };
  return callOf(quantiseRowsOp, inputs, { q, step, sum }, quantised);
}

function productCall(projection: Projection, quantised: QuantiseRows, add: Residual | undefined): Call {
  const { codes, scale } = projection.inputs;
  const { q, step, sum } = quantised;
  const y = add?.y ?? projection.outputs.y;
  const first = firstRowOf(projection, quantised);
  return callOf(ternaryProductOp, { to: add?.to, q, step, sum, codes, scale }, { y }, { first });
}

function gradientCall(projection: ProjectionBackward, quantised: QuantiseRows, dy: Tensor): Call {
  const { codes, scale, dOut, dWeightBefore: before } = projection.inputs;
  const { q, step } = quantised;
  const { dWeight } = projection.outputs;
  const inputs = { before, dOut, codes, scale, q, step, largest: undefined };
  const first = firstRowOf(projection, quantised);
  return callOf(bitLinearGradientsOp, inputs, { dWeight, dy }, { first });
}

function gradientOf(
  { source, norms }: Group,
  { dx, dgamma, dh }: SourceBackward,
  dys: readonly (readonly [ProjectionBackward, Tensor])[],
  parts: number,
): GradientOfRows {
  const ordered = norms.flatMap((norm) => dys.filter(([one]) => normOf(one) === norm));
  return {
    ...{ source, norms, dx, dh, dgamma },
    dys: ordered.map(([, dy]) => dy),
    largest: temporary(dx.y, 'largest', [parts]),
    dnorms: ordered.map(([{ inputs, outputs }]) => ({ y: outputs.dNorm, before: inputs.dNormBefore })),
  };
}

function gradientOfRowsCall(gradient: GradientOfRows): Call {
  const { source, norms, dys, dx, largest, dh, dgamma, dnorms } = gradient;
  const before = {
    ...{ dxBefore: dx.before, dgammaBefore: dgamma?.before },
    ...numbered(
      'dnormBefore',
      dnorms.map((sum) => sum.before),
    ),
  };
  const inputs: Operands = {
    ...sourceTensors(source),
    ...numbered('norm', norms),
    ...numbered('dy', dys),
    ...before,
  };
  const sums = numbered(
    'dnorm',
    dnorms.map(({ y }) => y),
  );
  const outputs = { dx: dx.y, dgamma: dgamma?.y, dh, ...sums, largest };
  return callOf(gradientOfRowsOps[source.kind], inputs, outputs, gradient);
}

/** The program with its replacements; marks stay between the same calls, unless they wait for a later one. */
function rewritten(program: Program, replaced: Replacements, waiting: Waiting): Program {
  const fused = withoutCalls(program);
  const ends = new Map<Call, number>();
  const lines = program.calls.map((call) => {
    const line = fused.calls.length;
    fused.calls.push(...(replaced.get(call) ?? [call]));
    ends.set(call, fused.calls.length);
    return line;
  });
  fused.marks.push(
    ...program.marks.map((mark) => ends.get(waiting.get(mark)!) ?? lines[mark] ?? fused.calls.length),
  );
  return fused;
}
