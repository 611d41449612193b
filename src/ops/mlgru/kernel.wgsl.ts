/** The recurrence in chunks: see chunks.wgsl.ts. A chunk's map is a product and a sum, state ↦ P·state + S. */

import {
  type Chunks,
  chunkMaps,
  chunksOf,
  copyOf,
  earlierChunks,
  laterChunks,
  overChunks,
} from '../../kernels/webgpu/chunks.wgsl.ts';
import { columnSums } from '../../kernels/webgpu/columnSums.wgsl.ts';
import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { overSlots } from '../../kernels/webgpu/slots.wgsl.ts';
import { startSumKernel } from '../../kernels/webgpu/startSum.wgsl.ts';
import { activations } from '../../kernels/webgpu/wgsl.ts';
import type { Tensor } from '../../program/tensor.ts';

type Optional = Tensor | undefined;

/** The step of every form; `gate` is σ(x_f). Needs `activations`. */
export const mlgruStep = `
fn forgetGate(gate: f32, bound: f32) -> f32 { return bound + (1.0 - bound) * gate; }
fn mlgruStep(state: f32, f: f32, x: f32) -> f32 { return f * state + x * sigmoid(x) * (1.0 - f); }
`;

const functions = activations + mlgruStep;

/** The layer's bound of column c. */
const boundOf = (bounds: Optional) => `let bound = ${bounds ? 'bounds[p.layer * p.width + c]' : '0.0'};`;

/** The state after the token at element `at`, from the state before it. */
const next = `
        let f = forgetGate(sigmoid(xf[at]), bound);
        state = mlgruStep(state, f, xi[at]);`;

/** Products and sums of the chunks, and in the backward pass their shares in the gradient of the bounds. */
const mapValues = 3;

/** A dispatch over chunks whose `body` knows the `bound` of its column. */
function overBounded(
  shader: string,
  chunks: Chunks,
  tensors: Dispatch['tensors'],
  layer: number,
  body: string,
): Dispatch {
  const bound = `
      ${boundOf(tensors.bounds)}`;
  return overChunks(shader, chunks, tensors, { functions, body: bound + body }, { layer });
}

/** `value` through the map of another chunk. */
const through = (value: string) => `${value} = maps[other] * ${value} + maps[p.size + other];`;

/** xi, xf, h [batch, length, width], start and last [batch, width], bounds [layers, width]; `last` may be `start`. */
export function mlgruForward(
  {
    xi,
    xf,
    h,
    last,
    start,
    bounds,
  }: Record<'xi' | 'xf' | 'h' | 'last', Tensor> & Record<'start' | 'bounds', Optional>,
  layer: number,
): Dispatch[] {
  const chunks = chunksOf(xi);
  const maps = chunkMaps(chunks, mapValues);
  const alone = chunks.count === 1;
  const { copy, dispatches } = copyOf(start, chunks);
  return [
    ...dispatches,
    ...(alone
      ? []
      : [
          overBounded(
            'mlgruChunks',
            chunks,
            { xi, xf, bounds, maps },
            layer,
            `
      var product = 1.0;
      var state = 0.0;
      for (var token = begin; token < end; token++) {
        let at = (sequence * p.length + token) * p.width + c;
        ${next}
        product *= f;
      }
      maps[i] = product;
      maps[p.size + i] = state;`,
          ),
        ]),
    overBounded(
      'mlgruForward',
      chunks,
      { xi, xf, bounds, h, last, start: copy, ...(alone ? {} : { maps }) },
      layer,
      `
      var state = ${start ? 'start[sequence * p.width + c]' : '0.0'};
      ${alone ? '' : earlierChunks(through('state'))}
      for (var token = begin; token < end; token++) {
        let at = (sequence * p.length + token) * p.width + c;
        ${next}
        h[at] = state;
      }
      if (end == p.length) { last[sequence * p.width + c] = state; }`,
    ),
  ];
}

/**
 * xi, xf, h [rows, width], slots [rows], states and next [count, width], bounds [layers, width]; `next` may be `states`.
 */
export function mlgruSlotsForward(
  t: Record<'xi' | 'xf' | 'slots' | 'states' | 'h' | 'next', Tensor> & { bounds: Optional },
  layer: number,
): Dispatch[] {
  const { states, ...tensors } = t;
  const walk = {
    functions,
    begin: `${boundOf(t.bounds)}
      var state = next[slot * p.width + c];`,
    row: `${next}
        h[at] = state;`,
    end: 'next[slot * p.width + c] = state;',
  };
  return [
    startSumKernel(t.next, states), // a copy onto itself where `next` is assigned to `states`
    overSlots('mlgruSlots', t.xi, tensors, walk, { layer }),
  ];
}

/**
 * di may be the memory of xi, df that of xf, dStart that of dLast. The value carried from token to token is
 * f_{t+1} ⊙ dh_{t+1}.
 */
export function mlgruBackward(
  t: Record<'xi' | 'xf' | 'h' | 'di' | 'df' | 'dStart', Tensor> &
    Record<'start' | 'bounds' | 'dh' | 'dLast' | 'before' | 'dBounds', Optional>,
  layer: number,
): Dispatch[] {
  const { xi, xf, h, di, df, dStart, start, bounds, dh, dLast, dBounds } = t;
  const chunks = chunksOf(xi);
  const maps = chunkMaps(chunks, mapValues);
  const alone = chunks.count === 1;
  const { copy, dispatches } = copyOf(dLast, chunks);
  const carry = dh ? 'carried = f * (dh[at] + carried);' : 'carried = f * carried;';
  return [
    ...dispatches,
    ...(alone
      ? []
      : [
          overBounded(
            'mlgruBackwardChunks',
            chunks,
            { xf, dh, bounds, maps },
            layer,
            `
      var product = 1.0;
      var carried = 0.0;
      for (var token = end; token > begin; token--) {
        let at = (sequence * p.length + token - 1u) * p.width + c;
        let f = forgetGate(sigmoid(xf[at]), bound);
        ${carry}
        product *= f;
      }
      maps[i] = product;
      maps[p.size + i] = carried;`,
          ),
        ]),
    overBounded(
      'mlgruBackward',
      chunks,
      {
        ...{ xi, xf, h, di, df, dStart, start, bounds, dh, dLast: copy },
        ...(alone && !dBounds ? {} : { maps }),
      },
      layer,
      `
      var carried = ${dLast ? 'dLast[sequence * p.width + c]' : '0.0'};
      ${alone ? '' : laterChunks(through('carried'))}
      var sum = 0.0;
      for (var token = end; token > begin; token--) {
        let at = (sequence * p.length + token - 1u) * p.width + c;
        let gate = sigmoid(xf[at]);
        let f = forgetGate(gate, bound);
        let x = xi[at];
        let s = sigmoid(x);
        let d = ${dh ? 'dh[at] + ' : ''}carried;
        var earlier = ${start ? 'start[sequence * p.width + c]' : '0.0'};
        if (token > 1u) { earlier = h[at - p.width]; }
        let dGate = d * (earlier - x * s);
        df[at] = dGate * (1.0 - bound) * (gate * (1.0 - gate));
        di[at] = d * (1.0 - f) * siluSlope(x, s);
        sum += dGate * (1.0 - gate);
        carried = f * d;
      }
      if (begin == 0u) { dStart[sequence * p.width + c] = carried; }
      ${dBounds ? 'maps[2u * p.size + i] = sum;' : ''}`,
    ),
    ...(dBounds ? sumOfBounds(maps, t.before, dBounds, layer) : []),
  ];
}

/** Every sequence and chunk has a share in the gradient of a column's bound; other layers' rows stay as before. */
function sumOfBounds(maps: Tensor, before: Optional, dBounds: Tensor, layer: number): Dispatch[] {
  const [, batch, count, width] = maps.shape as [number, number, number, number];
  return [
    startSumKernel(dBounds, before),
    ...columnSums({
      ...{ shader: 'mlgruBackwardBounds', rows: batch * count, width },
      ...{ term: '(maps[2u * p.rows * p.width + i])', tensors: { maps } },
      ...{ y: dBounds, before: dBounds, first: layer * width },
    }),
  ];
}
