/**
 * Fusing for many rows: prompts and training. A norm, a gated norm or a gated unit whose result only projections read
 * is not stored: one call makes the int8 rows of all of them, which their products and the backward pass share; one
 * call goes backward through the projections' norms and their source. A product is added to the residual as it is stored.
 */
import type { Call, GpuFeatures, Op } from '../../program/op.ts';
import type { Program } from '../../program/record.ts';
import { Tensor } from '../../program/tensor.ts';
import { addOp } from '../add/add.ts';
import { bitLinearBackwardOp, bitLinearOp } from '../bitLinear/bitLinear.ts';
import { gatedNormBackwardOp, gatedNormOp } from '../gatedNorm/gatedNorm.ts';
import { rmsNormBackwardOp, rmsNormOp } from '../rmsNorm/rmsNorm.ts';
import { rowsOf, widthOf } from '../shapes.ts';
import { swigluBackwardOp, swigluOp } from '../swiglu/swiglu.ts';
import { type GradientOfRows, partsOf, suitsGradient } from './gradientOfRows.wgsl.ts';
import { type QuantiseRows, suitsQuantising } from './quantiseRows.wgsl.ts';
import { bitLinearGradientsOp, gradientOfRowsOps, quantiseRowsOp, ternaryProductOp } from './rowOps.ts';
import { type RowSource, sourceTensors } from './rowSource.ts';
import { Uses, withoutCalls } from './uses.ts';

/** What replaces calls of a program; those that an empty list replaces are gone. */
type Replacements = Map<Call, readonly Call[]>;

export function fuseRows(program: Program, leastRows: number, features: GpuFeatures): Program {
  const uses = new Uses(program);
  const replaced: Replacements = new Map();
  for (const call of program.calls) {
    const source = sourceOf(call);
    if (!source || rowsOf(source.x) < leastRows) continue;
    const group = groupOf(call, source, uses);
    if (group) for (const [from, to] of replacementsOf(group, uses, features)) replaced.set(from, to);
  }
  return replaced.size ? rewritten(program, withLargest(replaced)) : program;
}

/** Products of gradients need their largest entries, which those know that made them. */
function withLargest(replaced: Replacements): Replacements {
  const largest = new Map<Tensor, Tensor>();
  const makers = new Set<Op>(Object.values(gradientOfRowsOps) as Op[]);
  for (const { op, attributes } of [...replaced.values()].flat()) {
    if (!makers.has(op)) continue;
    const gradient = attributes as GradientOfRows;
    largest.set(gradient.dx.y, gradient.largest);
  }
  const told = (call: Call): Call =>
    call.op === bitLinearGradientsOp
      ? { ...call, inputs: [...call.inputs, largest.get(call.inputs[1]!)] }
      : call;
  return new Map([...replaced].map(([from, to]) => [from, to.map(told)]));
}

function sourceOf({ op, inputs, attributes }: Call): RowSource | undefined {
  const { epsilon } = (attributes ?? {}) as { epsilon: number };
  if (op === rmsNormOp) return { kind: 'rmsNorm', x: inputs[0]!, gamma: inputs[1]!, epsilon };
  if (op === gatedNormOp)
    return { kind: 'gatedNorm', x: inputs[0]!, h: inputs[1]!, gamma: inputs[2]!, epsilon };
  return op === swigluOp ? { kind: 'swiglu', x: inputs[0]! } : undefined;
}

/** A source with the projections of its result, forward and, in training, backward. */
interface Group {
  readonly call: Call;
  readonly source: RowSource;
  readonly norms: readonly Tensor[];
  readonly forward: readonly Call[];
  readonly backward: readonly Call[];
  /** The source's own backward call; there is one if the projections have any. */
  readonly sourceBackward: Call | undefined;
}

/** The group of a source whose result is read by its projections alone. */
function groupOf(call: Call, source: RowSource, uses: Uses): Group | undefined {
  const result = call.outputs[0]!;
  const readers = uses.readers(result);
  const of = (op: Op) => readers.filter((reader) => reader.op === op && reader.inputs[0] === result);
  const [forward, backward] = [of(bitLinearOp), of(bitLinearBackwardOp)];
  const isShared = forward.length + backward.length < readers.length || uses.isKept(result);
  if (isShared || readers.length === 0) return undefined;
  const norms = [...new Set([...forward, ...backward].map(normOf))];
  const isOnce = (calls: readonly Call[]) => new Set(calls.map(normOf)).size === calls.length;
  if (!isOnce(forward) || !isOnce(backward)) return undefined;
  if (backward.length === 0) return { call, source, norms, forward, backward, sourceBackward: undefined };
  const sourceBackward = sourceBackwardOf(call, backward, uses);
  if (!sourceBackward || backward.length !== norms.length) return undefined;
  return { call, source, norms, forward, backward, sourceBackward };
}

const normOf = ({ inputs: [, norm] }: Call) => norm!;

/** The call that takes the gradient of the source's result on, if that is the sum of the projections' and no more. */
function sourceBackwardOf(call: Call, backward: readonly Call[], uses: Uses): Call | undefined {
  const sums = backward.map(({ outputs }) => outputs[0]!);
  const before = new Set(backward.map(({ inputs }) => inputs[5]));
  const last = sums.filter((sum) => !before.has(sum));
  if (last.length !== 1 || [...before].some((sum) => sum && !sums.includes(sum))) return undefined;
  const [reader, ...others] = uses.readers(last[0]!);
  const place = reader && gradientPlace.get(reader.op);
  const takes = place !== undefined && reader!.inputs[place] === last[0];
  if (!takes || others.length || call.inputs.some((tensor, i) => reader!.inputs[i] !== tensor))
    return undefined;
  const isOwnAffair = (sum: Tensor) =>
    !uses.isKept(sum) && uses.readers(sum).every((one) => one === reader || backward.includes(one));
  const mayWait = backward.every((one) => uses.mayWait(one.outputs.slice(1, 2), one, reader!));
  return sums.every(isOwnAffair) && mayWait ? reader : undefined;
}

/** Where the sources' backward calls take the gradient of their result. */
const gradientPlace = new Map<Op, number>([
  [rmsNormBackwardOp as Op, 2],
  [gatedNormBackwardOp as Op, 3],
  [swigluBackwardOp, 1],
]);

function replacementsOf(group: Group, uses: Uses, features: GpuFeatures): Replacements {
  const { call, source, norms, forward, backward, sourceBackward } = group;
  const quantised = quantisedRows(call, source, norms);
  if (!suitsQuantising(quantised, features)) return new Map();
  const replaced: Replacements = new Map([[call, [quantiseCall(quantised)]]]);
  for (const one of forward) {
    const sum = residualOf(one, uses);
    replaced.set(one, [productCall(one, quantised, sum)]);
    if (sum) replaced.set(sum, []);
  }
  if (sourceBackward) {
    const dys = new Map(backward.map((one) => [one, temporary(one, 'dy', call.outputs[0]!.shape)]));
    const gradient = gradientOf(group, dys);
    if (!suitsGradient(gradient, features)) return new Map();
    for (const [one, dy] of dys) replaced.set(one, [gradientCall(one, quantised, dy)]);
    replaced.set(sourceBackward, [gradientOfRowsCall(gradient)]);
  }
  return replaced;
}

function temporary(
  { outputs }: Call,
  name: string,
  shape: readonly number[],
  dtype?: Tensor['dtype'],
): Tensor {
  return new Tensor('temporary', dtype ?? 'f32', shape, `${outputs[0]!.name}.${name}`);
}

function quantisedRows(call: Call, source: RowSource, norms: readonly Tensor[]): QuantiseRows {
  const result = call.outputs[0]!;
  const rows = norms.length * rowsOf(result);
  return {
    ...{ source, norms },
    q: temporary(call, 'q', [rows, Math.ceil(widthOf(result) / 16) * 16], 'i8'),
    step: temporary(call, 'step', [rows]),
    sum: temporary(call, 'sum', [rows], 'i32'),
  };
}

/** The call that adds a projection to what was there before, if nobody else reads the projection. */
function residualOf(projection: Call, uses: Uses): Call | undefined {
  const y = projection.outputs[0]!;
  const [reader, ...others] = uses.readers(y);
  if (reader?.op !== addOp || others.length || uses.isKept(y)) return undefined;
  const to = reader.inputs.find((tensor) => tensor !== y);
  return to?.size === y.size && uses.isThere(to, projection) ? reader : undefined;
}

/** A projection's rows among those of its siblings. */
function rowsFor(projection: Call, { norms, q, step, sum }: QuantiseRows) {
  const first = norms.indexOf(normOf(projection)) * (step.size / norms.length);
  return { q, step, sum, first };
}

function quantiseCall(quantised: QuantiseRows): Call {
  const { source, norms, q, step, sum } = quantised;
  const read = [...Object.values(sourceTensors(source)), ...norms];
  return callOf(quantiseRowsOp, read, [q, step, sum], quantised);
}

function productCall(projection: Call, quantised: QuantiseRows, add: Call | undefined): Call {
  const [, , codes, scale] = projection.inputs;
  const to = add?.inputs.find((tensor) => tensor !== projection.outputs[0]);
  const y = (add ?? projection).outputs[0]!;
  const product = { ...rowsFor(projection, quantised), codes: codes!, scale: scale!, y, to };
  const { q, step, sum } = quantised;
  return callOf(ternaryProductOp, [to, q, step, sum, codes, scale], [y], product);
}

function gradientCall(projection: Call, quantised: QuantiseRows, dy: Tensor): Call {
  const [, , codes, scale, dOut, , , before] = projection.inputs;
  const { q, step, first } = rowsFor(projection, quantised);
  const outputs = [projection.outputs[2]!, dy];
  return callOf(bitLinearGradientsOp, [before, dOut, codes, scale, q, step], outputs, { first });
}

function gradientOf({ source, norms, backward, sourceBackward }: Group, dys: ReadonlyMap<Call, Tensor>) {
  const ofNorm = (norm: Tensor) => backward.find((one) => normOf(one) === norm)!;
  const { inputs, outputs } = sourceBackward!;
  const place = gradientPlace.get(sourceBackward!.op)!;
  const [dx, dgamma, dh] = outputs;
  const gradient: GradientOfRows = {
    ...{ source, norms },
    dys: norms.map((norm) => dys.get(ofNorm(norm))!),
    dx: { y: dx!, before: inputs[place + 1] },
    largest: temporary(sourceBackward!, 'largest', [partsOf(rowsOf(source.x))]),
    dh,
    dgamma: dgamma && { y: dgamma, before: inputs[place + 2] },
    dnorms: norms.map((norm) => ({ y: ofNorm(norm).outputs[1]!, before: ofNorm(norm).inputs[6] })),
  };
  return gradient;
}

function gradientOfRowsCall(gradient: GradientOfRows): Call {
  const { source, norms, dys, dx, largest, dh, dgamma, dnorms } = gradient;
  const read = [source.x, dx.before, source.kind === 'gatedNorm' ? source.h : undefined, dgamma?.before];
  const gamma = source.kind === 'swiglu' ? [] : [source.gamma];
  const inputs = [...read, ...gamma, ...norms, ...dys, ...dnorms.map(({ before }) => before)];
  const outputs = [
    dx.y,
    ...(dgamma ? [dgamma.y] : []),
    ...(dh ? [dh] : []),
    ...dnorms.map(({ y }) => y),
    largest,
  ];
  return callOf(gradientOfRowsOps[source.kind], inputs, outputs, gradient);
}

function callOf<A>(op: Op<A>, inputs: Call['inputs'], outputs: Call['outputs'], attributes: A): Call {
  return { op: op as Op, inputs, outputs, scratch: [], attributes };
}

/** The program with its replacements; marks stay between the same calls. */
function rewritten(program: Program, replaced: Replacements): Program {
  const fused = withoutCalls(program);
  const lines = program.calls.map((call) => {
    const line = fused.calls.length;
    fused.calls.push(...(replaced.get(call) ?? [call]));
    return line;
  });
  fused.marks.push(...program.marks.map((mark) => lines[mark] ?? fused.calls.length));
  return fused;
}
