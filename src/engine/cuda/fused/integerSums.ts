/**
 * Sums of ternary products stay integers where whoever reads them can scale them: a pass over all outputs less. A product
 * becomes one that stores int32; its readers are told what a unit of each row is worth.
 */
import type { CudaFeatures } from '../../../kernels/cuda/launch.ts';
import { onCuda } from '../../../kernels/cuda/lowering.ts';
import { integerSums, suitsTensorCores } from '../../../ops/bitLinear/product.cuda.ts';
import type { Units } from '../../../ops/bitLinear/units.ts';
import { type GateUnits, mlgruBackward, mlgruForward } from '../../../ops/mlgru/kernel.cuda.ts';
import { mlgruBackwardOp, mlgruOp } from '../../../ops/mlgru/mlgru.ts';
import {
  type Call,
  type CallOf,
  callOfOp,
  type Operands,
  present,
  type Tensors,
} from '../../../program/op.ts';
import type { Program } from '../../../program/record.ts';
import { rowsOf, widthOf } from '../../../program/shapes.ts';
import { Tensor } from '../../../program/tensor.ts';
import { callOf, fusedOp } from '../../fused/fusedOp.ts';
import { type FirstRow, gradientOfRowsOps, quantiseRowsOp, ternaryProductOp } from '../../fused/rowOps.ts';
import type { GradientOfRows, QuantiseRows } from '../../fused/rows.ts';
import { Uses, withoutCalls } from '../../fused/uses.ts';
import { gradientOfRows } from './gradientOfRows.cuda.ts';
import { quantiseRows } from './quantiseRows.cuda.ts';

/** A product's result as integers, and what a unit of them is worth. */
export interface Sums extends Units {
  readonly sums: Tensor;
}

/** The same program, in which products that only such readers read store their sums as they are. */
export function keepIntegers(program: Program, features: CudaFeatures): Program {
  const uses = new Uses(program);
  const kept = new Map<Tensor, Sums>();
  for (const call of program.calls) {
    const product = callOfOp(call, ternaryProductOp);
    if (product && suits(product, uses, features)) kept.set(product.outputs.y, sumsOf(product));
  }
  if (kept.size === 0) return program;
  const rewritten = withoutCalls(program);
  rewritten.marks.push(...program.marks);
  rewritten.calls.push(...program.calls.map((call) => replaced(call, kept)));
  return rewritten;
}

function suits(
  { inputs, outputs: { y } }: CallOf<typeof ternaryProductOp>,
  uses: Uses,
  features: CudaFeatures,
) {
  return (
    !inputs.to &&
    !uses.isKept(y) &&
    suitsTensorCores(rowsOf(y), widthOf(y), widthOf(inputs.q), features) &&
    uses.readers(y).every((reader) => readsScaled(reader, y))
  );
}

/** Integers in the place of a product's result. */
export function sumsOf({
  inputs: { step, scale },
  outputs: { y },
  attributes,
}: CallOf<typeof ternaryProductOp>): Sums {
  return { sums: new Tensor('temporary', 'i32', y.shape, `${y.name}.sums`), step, scale, ...attributes };
}

/** Whether a call can scale what it reads of y. */
function readsScaled(call: Call, y: Tensor): boolean {
  const others = (names: readonly string[]) =>
    present(Object.fromEntries(Object.entries(call.inputs).filter(([name]) => !names.includes(name))));
  if (isOp(call, mlgruOp) || isOp(call, mlgruBackwardOp)) return !others(['i', 'f']).includes(y);
  const ofRows = callOfOp(call, quantiseRowsOp) ?? gradientCall(call);
  return ofRows?.attributes.source.x === y && !others(['x']).includes(y);
}

function isOp(call: Call, op: typeof mlgruOp | typeof mlgruBackwardOp): boolean {
  return call.op === (op as Call['op']);
}

function gradientCall(call: Call) {
  for (const op of Object.values(gradientOfRowsOps)) {
    const found = callOfOp(call, op);
    if (found) return found;
  }
  return undefined;
}

function replaced(call: Call, kept: ReadonlyMap<Tensor, Sums>): Call {
  const product = callOfOp(call, ternaryProductOp);
  const own = product && kept.get(product.outputs.y);
  if (own) {
    const { q, codes } = product.inputs;
    return callOf(integerSumsOp, { q, codes }, { sums: own.sums }, product.attributes);
  }
  return scaledMlgru(call, kept) ?? scaledRows(call, kept) ?? call;
}

/** The units of a call's gates, and its inputs with the sums in the place of the gates. */
function gatesOf(inputs: Operands & Tensors<'i' | 'f'>, kept: ReadonlyMap<Tensor, Sums>) {
  const [ofI, ofF] = [kept.get(inputs.i), kept.get(inputs.f)];
  if (!ofI && !ofF) return undefined;
  const sums = { ...(ofI && { i: ofI.sums }), ...(ofF && { f: ofF.sums }) };
  const units = { iStep: ofI?.step, iScale: ofI?.scale, fStep: ofF?.step, fScale: ofF?.scale };
  return { inputs: { ...inputs, ...sums, ...units }, units: { ofI, ofF } };
}

function scaledMlgru(call: Call, kept: ReadonlyMap<Tensor, Sums>): Call | undefined {
  const forward = callOfOp(call, mlgruOp);
  const backward = callOfOp(call, mlgruBackwardOp);
  const inputs = (forward ?? backward)?.inputs;
  const gates = inputs && gatesOf(inputs, kept);
  if (!gates) return undefined;
  const read = { gates: gates.inputs, units: gates.units };
  if (forward) return callOf(scaledMlgruOp, gates.inputs, call.outputs, { call: forward, ...read });
  return backward && callOf(scaledMlgruBackwardOp, gates.inputs, call.outputs, { call: backward, ...read });
}

function scaledRows(call: Call, kept: ReadonlyMap<Tensor, Sums>): Call | undefined {
  const quantise = callOfOp(call, quantiseRowsOp);
  const gradient = gradientCall(call);
  const source = (quantise ?? gradient)?.attributes.source;
  const units = source && kept.get(source.x);
  if (!units) return undefined;
  const inputs = { ...call.inputs, x: units.sums, xStep: units.step, xScale: units.scale };
  const ofSums = { source: { ...source, x: units.sums } };
  if (quantise) {
    const rows = { ...quantise.attributes, ...ofSums };
    return callOf(scaledQuantiseOp, inputs, call.outputs, { call: quantise, rows, units });
  }
  const rows = { ...gradient!.attributes, ...ofSums };
  return callOf(scaledGradientOps[source.kind], inputs, call.outputs, { call: gradient!, rows, units });
}

/** What a call that reads sums is made of: the call that it replaces, and what a unit is worth. */
interface Scaled<C, U> {
  readonly call: C;
  readonly units: U;
}

interface ScaledGates<C> extends Scaled<C, GateUnits> {
  readonly gates: Tensors<'i' | 'f'>;
}

interface ScaledRows<R> extends Scaled<Call<Operands, Operands, R>, Sums> {
  /** The attributes of the call, with sums for x. */
  readonly rows: R;
}

export const integerSumsOp = fusedOp<FirstRow, Tensors<'q' | 'codes'>, Tensors<'sums'>>(
  'integerSums',
  (call) => {
    const { q, codes } = call.inputs;
    const products = rowsOf(call.outputs.sums) * codes.size;
    return {
      ...{ additions: products, integerAdditions: products, multiplications: 0, productMultiplications: 0 },
      ...{ special: 0, bytesRead: q.bytes + codes.bytes, bytesWritten: call.outputs.sums.bytes },
    };
  },
);

const scaledMlgruOp = fusedOp<ScaledGates<CallOf<typeof mlgruOp>>>(
  'scaledMlgru',
  ({ attributes: { call } }) => call.op.cost(call),
  {
    last: 'start',
  },
);
export const scaledMlgruBackwardOp = fusedOp<ScaledGates<CallOf<typeof mlgruBackwardOp>>>(
  'scaledMlgruBackward',
  ({ attributes: { call } }) => call.op.cost(call),
  { di: 'i', df: 'f', dBounds: 'dBoundsBefore' },
);
const scaledQuantiseOp = fusedOp<ScaledRows<QuantiseRows>>('scaledQuantise', ({ attributes: { call } }) =>
  call.op.cost(call),
);
export const scaledGradientOps = {
  rmsNorm: scaledGradientOp(gradientOfRowsOps.rmsNorm),
  gatedNorm: scaledGradientOp(gradientOfRowsOps.gatedNorm),
  swiglu: scaledGradientOp(gradientOfRowsOps.swiglu),
};

function scaledGradientOp(op: (typeof gradientOfRowsOps)['rmsNorm']) {
  return fusedOp<ScaledRows<GradientOfRows>>(
    'scaledGradientOfRows',
    ({ attributes: { call } }) => call.op.cost(call),
    op.inPlace,
  );
}

export const integerSumsOnCuda = [
  onCuda(integerSumsOp, ({ inputs, outputs, attributes: { first } }) =>
    integerSums({ ...inputs, ...outputs }, first),
  ),
  onCuda(scaledMlgruOp, ({ attributes: { call, gates, units } }) => {
    const { start, bounds } = call.inputs;
    return mlgruForward(
      { xi: gates.i, xf: gates.f, start, bounds, ...call.outputs },
      call.attributes.layer,
      units,
    );
  }),
  onCuda(scaledMlgruBackwardOp, ({ attributes: { call, gates, units } }) => {
    const { i: _i, f: _f, dBoundsBefore: before, ...read } = call.inputs;
    const tensors = { xi: gates.i, xf: gates.f, ...read, before, ...call.outputs };
    return mlgruBackward(tensors, call.attributes.layer, units);
  }),
  onCuda(scaledQuantiseOp, ({ attributes: { rows, units } }, features) => [
    quantiseRows(rows, features, units),
  ]),
  ...Object.values(scaledGradientOps).map((op) =>
    onCuda(op, ({ attributes: { rows, units } }, features) => gradientOfRows(rows, features, units)),
  ),
];
