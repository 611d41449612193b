/**
 * The recurrence in chunks: see chunks.cuda.ts. A chunk's map is the state that it would leave had nothing been before
 * it; states merge as sums do, the older one decayed by the chunk's tokens.
 */
import {
  type Chunks,
  chunkMaps,
  chunksOf,
  copyOf,
  earlierChunks,
  overChunks,
} from '../../kernels/cuda/chunks.cuda.ts';
import type { Launch } from '../../kernels/cuda/launch.ts';
import { overSlots } from '../../kernels/cuda/slots.cuda.ts';
import { startSum } from '../../kernels/cuda/sums.cuda.ts';
import type { Tensor } from '../../program/tensor.ts';

export type WkvForward = Record<'k' | 'v' | 'decay', Tensor> & { readonly start: Tensor | undefined };

/** Before the first token the maximum is below any exponent, but no infinity, whose difference is NaN. */
export const stateFunctions = `
struct State { float values, weights, max; };
__device__ inline State nothing() { return State{0.f, 0.f, -1e38f}; }
/** e^(a − max(a, b)) and e^(b − max(a, b)) */
__device__ inline float2 shares(float a, float b) {
  const float less = expf(-fabsf(a - b));
  return a < b ? make_float2(less, 1.f) : make_float2(1.f, less);
}
__device__ inline State merge(State a, State b) {
  const float2 share = shares(a.max, b.max);
  return State{share.x * a.values + share.y * b.values, share.x * a.weights + share.y * b.weights, fmaxf(a.max, b.max)};
}
__device__ inline State after(State state, float time) { return State{state.values, state.weights, state.max - time}; }
/** Column c of a table's row, of three times the width. */
__device__ inline State load(const float* table, unsigned row, unsigned c, unsigned width) {
  const float* at = table + (size_t)3 * row * width + c;
  return State{at[0], at[width], at[2 * width]};
}
__device__ inline void store(float* table, unsigned row, unsigned c, unsigned width, State state) {
  float* at = table + (size_t)3 * row * width + c;
  at[0] = state.values;
  at[width] = state.weights;
  at[2 * width] = state.max;
}
`;

/** The state from which tokens continue: row `row` of `table`. Without weights it has no maximum yet. */
const beginState = (table: string, row: string) => `
    const float rate = expf(decay[c]);
    State state = ${table} ? load(${table}, ${row}, c, width) : nothing();
    if (state.weights == 0.f) state = nothing();`;

/** The state with which a chunk begins. */
export const beginChunk = ({ count }: Chunks) => `
    ${beginState('start', 'sequence')}
    ${count === 1 ? '' : earlierChunks('state = merge(after(state, rate * tokens), State{maps[other], maps[size + other], maps[2 * size + other]});')}`;

export const nextState = 'state = merge(after(state, rate), State{v[at], 1.f, k[at]});';

/** y and the next state; y may be the memory of v. */
const nextMean = `
      const State seen = merge(state, State{v[at], 1.f, bonus[c] + k[at]});
      ${nextState}
      y[at] = seen.values / seen.weights;`;

/** Code for each token of a chunk in order, at element `at`. */
export const forwards = (body: string) => `
    for (unsigned token = begin; token < end; token++) {
      const unsigned at = (sequence * length + token) * width + c;
      ${body}
    }`;

/** The launches that find the chunks' maps, where there is more than one. */
export function mapsOf({ k, v, decay }: WkvForward, maps: Tensor, chunks: Chunks): Launch[] {
  if (chunks.count === 1) return [];
  const body = `
    const float rate = expf(decay[c]);
    State state = nothing();
    ${forwards(nextState)}
    maps[i] = state.values;
    maps[size + i] = state.weights;
    maps[2 * size + i] = state.max;`;
  return [overChunks('wkvChunks', chunks, { k, v, decay, maps }, { functions: stateFunctions, body })];
}

/**
 * k, v, y [batch, length, width], decay and bonus [width], start and last [batch, 3 · width]; y may be the memory
 * of v, `last` that of `start`.
 */
export function wkvForward(t: WkvForward & Record<'bonus' | 'y' | 'last', Tensor>): Launch[] {
  const { k, v, decay, bonus, y, last } = t;
  const chunks = chunksOf(k);
  const maps = chunkMaps(chunks, 3);
  const { copy, steps } = copyOf(t.start, chunks);
  const body = `
    ${beginChunk(chunks)}
    ${forwards(nextMean)}
    if (end == length) store(last, sequence, c, width, state);`;
  const tensors = { k, v, decay, bonus, start: copy, y, last, maps };
  return [
    ...steps,
    ...mapsOf(t, maps, chunks),
    overChunks('wkv', chunks, tensors, { functions: stateFunctions, body }),
  ];
}

/** k, v, y [rows, width], slots [rows], states and next [count, 3 · width]; y may be the memory of v. */
export function wkvSlotsForward(
  t: Record<'k' | 'v' | 'decay' | 'bonus' | 'slots' | 'states' | 'y' | 'next', Tensor>,
): Launch[] {
  const { states: before, ...tensors } = t;
  const walk = {
    functions: stateFunctions,
    begin: beginState('next', 'slot'),
    row: nextMean,
    end: 'store(next, slot, c, width, state);',
  };
  return [
    startSum(t.next, before), // a copy onto itself where `next` is assigned to `states`
    overSlots('wkvSlots', t.k, tensors, walk),
  ];
}
