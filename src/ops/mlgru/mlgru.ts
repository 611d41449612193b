import { cost, type Data, type Op } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import { startSum } from '../accumulate.ts';
import { expectShape, sequenceSizes } from '../shapes.ts';
import { mlgruBackward, mlgruForward } from './kernel.wgsl.ts';
import { mlgruBackwardReference, mlgruReference } from './reference.ts';

interface Attributes {
  /** Row of the table of lower bounds that is this layer's. */
  readonly layer: number;
}

/**
 * The element-wise gated recurrence of MatMul-free models (released form; without bounds it is the paper's).
 * i and f [batch, length, width] are the gates before their activations, `start` [batch, width] the state
 * before the first token (absent: zeros), `bounds` [layers, width] the forget gates' lower bounds, of which
 * row `layer` is used (absent: none). Returns every state h [batch, length, width] and the last [batch, width].
 */
export function mlgru(
  i: Tensor,
  f: Tensor,
  start: Tensor | undefined,
  bounds: Tensor | undefined,
  layer: number,
): { h: Tensor; last: Tensor } {
  const { batch, length, width } = sequenceSizes('mlgru', i);
  expectShape('mlgru', 'f', f, i.shape);
  if (start) expectShape('mlgru', 'start', start, [batch, width]);
  const [h, last] = emit(mlgruOp, {
    inputs: [i, f, start, bounds],
    outputs: [
      { name: 'h', shape: i.shape },
      { name: 'last', shape: [batch, width] },
    ],
    attributes: { layer },
  });
  if (length < 1) throw new Error(`mlgru: expected at least one token, found ${i}`);
  return { h: h!, last: last! };
}

export const mlgruOp: Op<Attributes> = {
  name: 'mlgru',
  inPlace: [[1, 2]],
  // σ, SiLU, the bound, 1 − f and the recurrence
  cost: (call) => {
    const [i, f, start, bounds] = call.inputs;
    const n = i!.size;
    const row = bounds ? bounds.bytes / bounds.shape[0]! : 0; // of the table of bounds, a layer reads its row
    const bytesRead = i!.bytes + f!.bytes + (start?.bytes ?? 0) + row;
    return cost(call, { additions: 6 * n, multiplications: 5 * n, special: 2 * n }, bytesRead);
  },
  reference({ inputs: [i, f, start, bounds], outputs: [h, last], attributes }, data) {
    const inputs = {
      i: data(i!),
      f: data(f!),
      start: start && data(start),
      bound: rowOf(bounds, attributes, data),
    };
    mlgruReference(inputs, sequenceSizes('mlgru', i!), data(h!), data(last!));
  },
  cpu({ inputs: [i, f, start, bounds], outputs: [h, last], attributes }) {
    return [
      {
        kernel: 'mlgruForward',
        args: [i, f, start, bounds, h, last, ...Object.values(sequenceSizes('mlgru', i!)), attributes.layer],
      },
    ];
  },
  webgpu({ inputs: [i, f, start, bounds], outputs: [h, last], attributes }) {
    return mlgruForward({ xi: i!, xf: f!, h: h!, last: last!, start, bounds }, attributes.layer);
  },
  backward({ inputs: [i, f, start, bounds], outputs: [h, last], attributes }, gradients) {
    const wantsBounds = gradients.wants(bounds);
    const [di, df, dStart, dBounds] = emit(mlgruBackwardOp, {
      inputs: [
        i,
        f,
        start,
        bounds,
        h,
        gradients.of(h!),
        gradients.of(last!),
        wantsBounds ? gradients.of(bounds) : undefined,
      ],
      outputs: [
        { name: 'di', shape: i!.shape },
        { name: 'df', shape: i!.shape },
        { name: 'dStart', shape: last!.shape },
        ...(wantsBounds ? [{ name: 'dBounds', shape: bounds.shape }] : []),
      ],
      attributes,
    });
    if (gradients.wants(i)) gradients.add(i, di!);
    if (gradients.wants(f)) gradients.add(f, df!);
    if (gradients.wants(start)) gradients.add(start, dStart!);
    if (wantsBounds) gradients.set(bounds, dBounds!);
  },
};

const mlgruBackwardOp: Op<Attributes> = {
  name: 'mlgruBackward',
  inPlace: [
    [0, 0],
    [1, 1],
    [3, 7],
  ],
  cost: (call) => {
    const n = call.inputs[0]!.size;
    return cost(call, { additions: 12 * n, multiplications: 12 * n, special: 2 * n });
  },
  reference(
    { inputs: [i, f, start, bounds, h, dh, dLast, before], outputs: [di, df, dStart, dBounds], attributes },
    data,
  ) {
    const inputs = { i: data(i!), f: data(f!), start: start && data(start), h: data(h!) };
    const dBound = dBounds && rowOf(dBounds, attributes, (tensor) => startSum(data, tensor, before));
    mlgruBackwardReference(
      { ...inputs, bound: rowOf(bounds, attributes, data) },
      sequenceSizes('mlgru', i!),
      { dh: dh && data(dh), dLast: dLast && data(dLast) },
      { di: data(di!), df: data(df!), dStart: data(dStart!), dBound },
    );
  },
  cpu({ inputs, outputs, attributes }) {
    const [di, df, dStart, dBounds] = outputs;
    const layers = dBounds?.shape[0] ?? 0;
    const dimensions = [...Object.values(sequenceSizes('mlgru', inputs[0]!)), attributes.layer, layers];
    return [{ kernel: 'mlgruBackward', args: [...inputs, di, df, dStart, dBounds, ...dimensions] }];
  },
  webgpu({ inputs, outputs: [di, df, dStart, dBounds], attributes }) {
    const [i, f, start, bounds, h, dh, dLast, before] = inputs;
    const gates = { xi: i!, xf: f!, start, bounds, h: h! };
    const results = { di: di!, df: df!, dStart: dStart!, dBounds };
    return mlgruBackward({ ...gates, dh, dLast, before, ...results }, attributes.layer);
  },
};

function rowOf(
  table: Tensor | undefined,
  { layer }: Attributes,
  data: (tensor: Tensor) => Data,
): Data | undefined {
  if (!table) return undefined;
  const width = table.shape[1]!;
  return data(table).subarray(layer * width, (layer + 1) * width);
}
