import { cost, type Data, type DataOf, type Op, type Tensors } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import { expectShape, sequenceSizes, sizeOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { startSum } from '../accumulate.ts';
import { type Sequences, slotOperands } from '../sequences.ts';
import { mlgruBackwardReference, mlgruReference, mlgruSlotsReference } from './reference.ts';

interface Attributes {
  /** This layer's row in the table of lower bounds. */
  readonly layer: number;
}

export interface MlgruOptions {
  readonly layout: Sequences;
  /** The states before the first tokens. Required for slots; without states each sequence of a batch starts from zeros. */
  readonly state: Tensor | undefined;
  /** Lower bounds [layers, width] of the forget gates; row `layer` is used. Absent: none. */
  readonly bounds: Tensor | undefined;
  readonly layer: number;
}

/**
 * The element-wise gated recurrence of MatMul-free models in the released form; without bounds, in the paper's form.
 * i and f are the gates before their activations. For a batch they are [batch, length, width] and `state` is [batch,
 * width]; for slots they are [1, rows, width] and `state` is [count, width]. Returns the state h after each token, and
 * `next`, the states after the last tokens, in the shape of `state`. The slot form is for inference only.
 */
export function mlgru(
  i: Tensor,
  f: Tensor,
  { layout, state, bounds, layer }: MlgruOptions,
): { h: Tensor; next: Tensor } {
  expectShape('mlgru', 'f', f, i.shape);
  if (layout.kind === 'slots') {
    const [slots, states] = slotOperands('mlgru', i, layout, state, [widthOf(i)]);
    return emit(mlgruSlotsOp, { i, f, slots, states, bounds }, { layer });
  }
  const { batch, length, width } = sequenceSizes('mlgru', i);
  if (state) expectShape('mlgru', 'state', state, [batch, width]);
  if (length < 1) throw new Error(`mlgru: expected at least one token, found ${i}`);
  const { h, last } = emit(mlgruOp, { i, f, start: state, bounds }, { layer });
  return { h, next: last };
}

export const mlgruOp: Op<Tensors<'i' | 'f', 'start' | 'bounds'>, Tensors<'h' | 'last'>, Attributes> = {
  name: 'mlgru',
  inPlace: { last: 'start' },
  outputs: ({ i }) => {
    const { batch, width } = sequenceSizes('mlgru', i);
    return { h: { shape: i.shape }, last: { shape: [batch, width] } };
  },
  cost: (call) => {
    const { i, f, start, bounds } = call.inputs;
    return cost(call, stepCosts(i), i.bytes + f.bytes + (start?.bytes ?? 0) + rowBytes(bounds));
  },
  reference({ inputs: { i, f, start, bounds }, outputs: { h, last }, attributes }, data) {
    const bound = rowOf(bounds, attributes, data);
    const inputs = { i: data(i), f: data(f), start: start && data(start), bound };
    mlgruReference(inputs, sequenceSizes('mlgru', i), data(h), data(last));
  },
  backward({ inputs, outputs: { h, last }, attributes }, gradients) {
    const { i, f, start, bounds } = inputs;
    const dBoundsBefore = gradients.wants(bounds) ? gradients.of(bounds) : undefined;
    const read = { ...inputs, h, dh: gradients.of(h), dLast: gradients.of(last), dBoundsBefore };
    const wantsBounds = gradients.wants(bounds);
    const { di, df, dStart, dBounds } = emit(mlgruBackwardOp, read, { ...attributes, wantsBounds });
    if (gradients.wants(i)) gradients.add(i, di);
    if (gradients.wants(f)) gradients.add(f, df);
    if (gradients.wants(start)) gradients.add(start, dStart);
    if (gradients.wants(bounds) && dBounds) gradients.set(bounds, dBounds);
  },
};

/** The slot form: see `Sequences`. */
export const mlgruSlotsOp: Op<
  Tensors<'i' | 'f' | 'slots' | 'states', 'bounds'>,
  Tensors<'h' | 'next'>,
  Attributes
> = {
  name: 'mlgruSlots',
  inPlace: { next: 'states' },
  outputs: ({ i, states }) => ({ h: { shape: i.shape }, next: { shape: states.shape } }),
  // Reads and writes at most one state for each token.
  cost: (call) => {
    const { i, f, slots, bounds } = call.inputs;
    const work = cost(call, stepCosts(i), 2 * i.bytes + f.bytes + slots.bytes + rowBytes(bounds));
    return { ...work, bytesWritten: 2 * i.bytes };
  },
  reference({ inputs: { i, f, slots, states, bounds }, outputs: { h, next }, attributes }, data) {
    const inputs = { i: data(i), f: data(f), slots: data(slots), bound: rowOf(bounds, attributes, data) };
    data(next).set(data(states));
    mlgruSlotsReference(inputs, widthOf(i), data(next), data(h));
  },
};

/** σ, SiLU, the bound, 1 − f and the recurrence */
function stepCosts({ size }: Tensor) {
  return { additions: 6 * size, multiplications: 5 * size, special: 2 * size };
}

/** A layer reads its own row of the table of bounds. */
function rowBytes(bounds: Tensor | undefined): number {
  return bounds ? bounds.bytes / sizeOf(bounds, 0) : 0;
}

export interface BackwardAttributes extends Attributes {
  readonly wantsBounds: boolean;
}

export const mlgruBackwardOp: Op<
  Tensors<'i' | 'f' | 'h', 'start' | 'bounds' | 'dh' | 'dLast' | 'dBoundsBefore'>,
  Tensors<'di' | 'df' | 'dStart', 'dBounds'>,
  BackwardAttributes
> = {
  name: 'mlgruBackward',
  inPlace: { di: 'i', df: 'f', dBounds: 'dBoundsBefore' },
  outputs: ({ i, bounds }, { wantsBounds }) => {
    const { batch, width } = sequenceSizes('mlgruBackward', i);
    return {
      ...{ di: { shape: i.shape }, df: { shape: i.shape }, dStart: { shape: [batch, width] } },
      dBounds: wantsBounds && bounds ? { shape: bounds.shape } : undefined,
    };
  },
  cost: (call) => {
    const n = call.inputs.i.size;
    return cost(call, { additions: 12 * n, multiplications: 12 * n, special: 2 * n });
  },
  reference({ inputs, outputs: { di, df, dStart, dBounds }, attributes }, data) {
    const { i, f, start, bounds, h, dh, dLast, dBoundsBefore } = inputs;
    const gates = { i: data(i), f: data(f), start: start && data(start), h: data(h) };
    const dBound = dBounds && rowOf(dBounds, attributes, (tensor) => startSum(data, tensor, dBoundsBefore));
    mlgruBackwardReference(
      { ...gates, bound: rowOf(bounds, attributes, data) },
      sequenceSizes('mlgru', i),
      { dh: dh && data(dh), dLast: dLast && data(dLast) },
      { di: data(di), df: data(df), dStart: data(dStart), dBound },
    );
  },
};

/** A layer's row of a table of bounds [layers, width]. */
function rowOf(table: Tensor | undefined, { layer }: Attributes, data: DataOf): Data | undefined {
  if (!table) return undefined;
  const width = widthOf(table);
  return data(table).subarray(layer * width, (layer + 1) * width);
}
