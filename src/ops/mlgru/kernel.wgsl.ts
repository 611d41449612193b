/**
 * The recurrence in chunks of tokens, so that long sequences keep a GPU busy. A chunk maps the state before it to the
 * one after it by a product and a sum, state ↦ P·state + S, which every chunk finds for itself; then each one
 * combines those of the chunks before it, and walks its tokens from the state that it starts with. The backward pass
 * is the same from the end. One invocation takes one column of one chunk.
 */
import type { Dispatch } from '../../program/op.ts';
import type { Tensor } from '../../program/tensor.ts';
import { columnSums } from '../columnSums.wgsl.ts';
import { startSumKernel } from '../fill/kernel.wgsl.ts';
import { activations, elementKernel, overElements, scratch } from '../wgsl.ts';

type Optional = Tensor | undefined;

/** Invocations that keep a large GPU busy. */
const enoughInvocations = 2 ** 17;
/** Tokens of a chunk: fewer would spend more on combining than on walking. */
const leastTokens = 16;

interface Chunks {
  readonly count: number;
  readonly code: string;
  readonly numbers: Dispatch['numbers'];
  readonly workgroups: Dispatch['workgroups'];
}

/** xi [batch, length, width] in chunks; WGSL that gives an invocation `i` its `sequence`, `chunk`, `c` and tokens. */
function chunksOf(xi: Tensor, layer: number, bounds: Optional): Chunks {
  const [batch, length, width] = xi.shape as [number, number, number];
  const wanted = Math.ceil(enoughInvocations / (batch * width));
  const tokens = Math.min(Math.max(Math.ceil(length / wanted), leastTokens), length);
  const count = Math.ceil(length / tokens);
  const size = batch * count * width;
  return {
    count,
    code: `
      let c = i % p.width;
      let chunk = i / p.width % p.chunks;
      let sequence = i / p.width / p.chunks;
      let begin = chunk * p.tokens;
      let end = min(begin + p.tokens, p.length);
      let bound = ${bounds ? 'bounds[p.layer * p.width + c]' : '0.0'};`,
    numbers: { size, length, width, layer, tokens, chunks: count },
    workgroups: overElements(size),
  };
}

/**
 * What chunks tell each other, in one tensor, as bindings are few: their products and sums, and in the backward pass
 * their shares in the gradient of the bounds: [3, batch, chunks, width].
 */
function chunkMaps(xi: Tensor, { count }: Chunks): Tensor {
  const [batch, , width] = xi.shape as [number, number, number];
  return scratch('maps', [3, batch, count, width]);
}

/** A dispatch of the chunks' invocations. */
function overChunks(shader: string, chunks: Chunks, tensors: Dispatch['tensors'], body: string): Dispatch {
  const { code, numbers, workgroups } = chunks;
  return { shader, code: activations + elementKernel(code + body), tensors, numbers, workgroups };
}

/** A copy of `tensor`, if there is one and if chunks read it while one of them writes to its memory. */
function copyOf(tensor: Optional, { count }: Chunks): { copy: Optional; dispatches: Dispatch[] } {
  if (!tensor || count === 1) return { copy: tensor, dispatches: [] };
  const copy = scratch('copy', tensor.shape);
  return { copy, dispatches: [startSumKernel(copy, tensor)] };
}

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
  const chunks = chunksOf(xi, layer, bounds);
  const maps = chunkMaps(xi, chunks);
  const alone = chunks.count === 1;
  const { copy, dispatches } = copyOf(start, chunks);
  const step = `
        let f = bound + (1.0 - bound) * sigmoid(xf[at]);
        let x = xi[at];
        state = f * state + x * sigmoid(x) * (1.0 - f);`;
  return [
    ...dispatches,
    ...(alone
      ? []
      : [
          overChunks(
            'mlgruChunks',
            chunks,
            { xi, xf, bounds, maps },
            `
      var product = 1.0;
      var state = 0.0;
      for (var token = begin; token < end; token++) {
        let at = (sequence * p.length + token) * p.width + c;
        ${step}
        product *= f;
      }
      maps[i] = product;
      maps[p.size + i] = state;`,
          ),
        ]),
    overChunks(
      'mlgruForward',
      chunks,
      { xi, xf, bounds, h, last, start: copy, ...(alone ? {} : { maps }) },
      `
      var state = ${start ? 'start[sequence * p.width + c]' : '0.0'};
      ${alone ? '' : combine('state', 'var k = 0u; k < chunk; k++', 'k')}
      for (var token = begin; token < end; token++) {
        let at = (sequence * p.length + token) * p.width + c;
        ${step}
        h[at] = state;
      }
      if (end == p.length) { last[sequence * p.width + c] = state; }`,
    ),
  ];
}

/** `value` through the maps of other chunks, in the order that the loop gives them. */
function combine(value: string, loop: string, chunk: string): string {
  return `for (${loop}) {
        let other = (sequence * p.chunks + ${chunk}) * p.width + c;
        ${value} = maps[other] * ${value} + maps[p.size + other];
      }`;
}

/**
 * di may be the memory of xi, df that of xf, dStart that of dLast. What is carried from token to token is
 * f_{t+1} ⊙ dh_{t+1}.
 */
export function mlgruBackward(
  t: Record<'xi' | 'xf' | 'h' | 'di' | 'df' | 'dStart', Tensor> &
    Record<'start' | 'bounds' | 'dh' | 'dLast' | 'before' | 'dBounds', Optional>,
  layer: number,
): Dispatch[] {
  const { xi, xf, h, di, df, dStart, start, bounds, dh, dLast, dBounds } = t;
  const chunks = chunksOf(xi, layer, bounds);
  const maps = chunkMaps(xi, chunks);
  const alone = chunks.count === 1;
  const { copy, dispatches } = copyOf(dLast, chunks);
  const carry = dh ? 'carried = f * (dh[at] + carried);' : 'carried = f * carried;';
  return [
    ...dispatches,
    ...(alone
      ? []
      : [
          overChunks(
            'mlgruBackwardChunks',
            chunks,
            { xf, dh, bounds, maps },
            `
      var product = 1.0;
      var carried = 0.0;
      for (var token = end; token > begin; token--) {
        let at = (sequence * p.length + token - 1u) * p.width + c;
        let f = bound + (1.0 - bound) * sigmoid(xf[at]);
        ${carry}
        product *= f;
      }
      maps[i] = product;
      maps[p.size + i] = carried;`,
          ),
        ]),
    overChunks(
      'mlgruBackward',
      chunks,
      {
        ...{ xi, xf, h, di, df, dStart, start, bounds, dh, dLast: copy },
        ...(alone && !dBounds ? {} : { maps }),
      },
      `
      var carried = ${dLast ? 'dLast[sequence * p.width + c]' : '0.0'};
      ${alone ? '' : combine('carried', 'var k = p.chunks; k > chunk + 1u; k--', 'k - 1u')}
      var sum = 0.0;
      for (var token = end; token > begin; token--) {
        let at = (sequence * p.length + token - 1u) * p.width + c;
        let gate = sigmoid(xf[at]);
        let f = bound + (1.0 - bound) * gate;
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
