/**
 * The recurrence in chunks: see chunks.wgsl.ts. A chunk's map is the state that it would leave if it were the first. States
 * merge as sums do, the older one decayed by the chunk's tokens.
 */
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
import type { Tensor } from '../../program/tensor.ts';

type Optional = Tensor | undefined;
type Forward = Record<'k' | 'v' | 'decay', Tensor> & { readonly start: Optional };

/** Before the first token the maximum is below any exponent, but finite, because ∞ − ∞ is NaN. */
const states = `
struct State { values: f32, weights: f32, max: f32 }
const nothing = State(0.0, 0.0, -1e38);

/** e^(a − max(a, b)) and e^(b − max(a, b)) */
fn shares(a: f32, b: f32) -> vec2f {
  let less = exp(-abs(a - b));
  return select(vec2f(1.0, less), vec2f(less, 1.0), a < b);
}
fn merge(a: State, b: State) -> State {
  let share = shares(a.max, b.max);
  return State(
    share.x * a.values + share.y * b.values,
    share.x * a.weights + share.y * b.weights,
    max(a.max, b.max),
  );
}
fn after(state: State, time: f32) -> State { return State(state.values, state.weights, state.max - time); }
`;

/** Column c of a row of three times the width. */
const loadState = (table: string, row: string) =>
  `State(${[0, 1, 2].map((part) => `${table}[(3u * (${row}) + ${part}u) * p.width + c]`).join(', ')})`;
const storeState = (table: string, row: string, state: string) =>
  ['values', 'weights', 'max']
    .map((member, part) => `${table}[(3u * (${row}) + ${part}u) * p.width + c] = ${state}.${member};`)
    .join('\n        ');

/** The state to continue from: row `row` of `table`, if there is one. Without weights it has no maximum yet. */
const beginState = (table: string | undefined, row: string) => `
      let rate = exp(decay[c]);
      var state = ${table ? loadState(table, row) : 'nothing'};
      if (state.weights == 0.0) { state = nothing; }`;

/** The state at the start of a chunk. */
const beginChunk = (start: Optional, { count }: Chunks) => `
      ${beginState(start && 'start', 'sequence')}
      ${count === 1 ? '' : earlierChunks('state = merge(after(state, rate * f32(p.tokens)), State(maps[other], maps[p.size + other], maps[2u * p.size + other]));')}`;

const nextState = 'state = merge(after(state, rate), State(v[at], 1.0, k[at]));';

/** y and the next state; y may be the memory of v. */
const nextMean = `
        let seen = merge(state, State(v[at], 1.0, bonus[c] + k[at]));
        ${nextState}
        y[at] = seen.values / seen.weights;`;

/** WGSL for each token of a chunk in order, at element `at`. */
const forwards = (body: string) => `
      for (var token = begin; token < end; token++) {
        let at = (sequence * p.length + token) * p.width + c;
        ${body}
      }`;

/** The dispatches that find the chunks' maps, where there is more than one. */
function mapsOf({ k, v, decay }: Forward, maps: Tensor, chunks: Chunks): Dispatch[] {
  if (chunks.count === 1) return [];
  const body = `
      let rate = exp(decay[c]);
      var state = nothing;
      ${forwards(nextState)}
      maps[i] = state.values;
      maps[p.size + i] = state.weights;
      maps[2u * p.size + i] = state.max;`;
  return [overChunks('wkvChunks', chunks, { k, v, decay, maps }, { functions: states, body })];
}

/**
 * k, v, y [batch, length, width], decay and bonus [width], start and last [batch, 3 · width]; y may be the memory
 * of v, `last` that of `start`.
 */
export function wkvForward(t: Forward & Record<'bonus' | 'y' | 'last', Tensor>): Dispatch[] {
  const { k, v, decay, bonus, y, last } = t;
  const chunks = chunksOf(k);
  const maps = chunkMaps(chunks, 3);
  const { copy, dispatches } = copyOf(t.start, chunks);
  const body = `
      ${beginChunk(copy, chunks)}
      ${forwards(nextMean)}
      if (end == p.length) {
        ${storeState('last', 'sequence', 'state')}
      }`;
  const tensors = { k, v, decay, bonus, start: copy, y, last, ...(chunks.count === 1 ? {} : { maps }) };
  return [
    ...dispatches,
    ...mapsOf(t, maps, chunks),
    overChunks('wkvForward', chunks, tensors, { functions: states, body }),
  ];
}

/**
 * k, v, y [rows, width], slots [rows], states and next [count, 3 · width]; y may be the memory of v, `next` that of
 * `states`.
 */
export function wkvSlotsForward(
  t: Record<'k' | 'v' | 'decay' | 'bonus' | 'slots' | 'states' | 'y' | 'next', Tensor>,
): Dispatch[] {
  const { states: before, ...tensors } = t;
  const walk = {
    functions: states,
    begin: beginState('next', 'slot'),
    row: nextMean,
    end: storeState('next', 'slot', 'state'),
  };
  return [
    startSumKernel(t.next, before), // a copy onto itself where `next` is assigned to `states`
    overSlots('wkvSlots', t.k, tensors, walk),
  ];
}

type Backward = Forward &
  Record<'bonus' | 'states' | 'dk' | 'dv' | 'dDecay' | 'dBonus' | 'dStart', Tensor> &
  Record<'dy' | 'dLast' | 'decayBefore' | 'bonusBefore', Optional>;

/**
 * dk may be the memory of k, dv that of v; the sums may be the tensors that they are added to. The first dispatch stores
 * every state in `states` [batch, length + 1, 3 · width]. Then, from the end: a chunk's map is the product by which it
 * carries the gradients of both sums, the amount that it adds to each, and whether it passes the excess on: see
 * wkvBackwardReference.
 */
export function wkvBackward(t: Backward): Dispatch[] {
  const { k, v, decay, bonus, dy, dLast, dk, dv, dStart } = t;
  const chunks = chunksOf(k);
  const maps = chunkMaps(chunks, 6);
  const alone = chunks.count === 1;
  const inputs = { k, v, decay, bonus, states: t.states, dy, maps };
  return [
    ...mapsOf(t, maps, chunks),
    keepStates(t, maps, chunks),
    ...(alone
      ? []
      : [overChunks('wkvBackwardChunks', chunks, inputs, { functions: states, body: backwardMap(dy) })]),
    overChunks(
      'wkvBackward',
      chunks,
      { ...inputs, dLast, dk, dv, dStart },
      { functions: states, body: backwardWalk(dy, dLast, alone) },
    ),
    ...sumOfShares('wkvBackwardDecay', maps, 4, t.dDecay, t.decayBefore),
    ...sumOfShares('wkvBackwardBonus', maps, 5, t.dBonus, t.bonusBefore),
  ];
}

const rowBefore = 'sequence * (p.length + 1u) + token';

function keepStates(t: Backward, maps: Tensor, chunks: Chunks): Dispatch {
  const { k, v, decay, start, states: kept } = t;
  const tensors = { k, v, decay, start, states: kept, ...(chunks.count === 1 ? {} : { maps }) };
  const body = `
      ${beginChunk(start, chunks)}
      ${forwards(`
        ${storeState('states', rowBefore, 'state')}
        ${nextState}`)}
      if (end == p.length) {
        ${storeState('states', 'sequence * (p.length + 1u) + p.length', 'state')}
      }`;
  return overChunks('wkvStates', chunks, tensors, { functions: states, body });
}

/** WGSL for each token of a chunk from its last one, with its effect on the state and on y. */
const backwards = (dy: Optional, body: string) => `
      let rate = exp(decay[c]);
      for (var stop = end; stop > begin; stop--) {
        let token = stop - 1u;
        let at = (sequence * p.length + token) * p.width + c;
        let key = k[at];
        let value = v[at];
        let state = ${loadState('states', rowBefore)};
        let older = state.max - rate;
        let isOlder = older >= key;
        let next = shares(older, key);
        let seen = shares(state.max, bonus[c] + key);
        let below = seen.x * state.weights + seen.y;
        let y = (seen.x * state.values + seen.y * value) / below;
        let d = ${dy ? 'dy[at]' : '0.0'} / below;
        ${body}
        dValues = next.x * dValues + seen.x * d;
        dWeights = next.x * dWeights - seen.x * y * d;
        if (!isOlder) { excess = 0.0; }
      }`;

const backwardMap = (dy: Optional) => `
      var product = 1.0;
      var dValues = 0.0;
      var dWeights = 0.0;
      var excess = 1.0;
      ${backwards(dy, 'product *= next.x;')}
      maps[i] = product;
      maps[p.size + i] = dValues;
      maps[2u * p.size + i] = dWeights;
      maps[3u * p.size + i] = excess;`;

const backwardWalk = (dy: Optional, dLast: Optional, alone: boolean) => `
      let asked = ${dLast ? loadState('dLast', 'sequence') : 'State(0.0, 0.0, 0.0)'};
      let atEnd = ${loadState('states', 'sequence * (p.length + 1u) + p.length')};
      var dValues = asked.values;
      var dWeights = asked.weights;
      var excess = asked.max - (atEnd.values * dValues + atEnd.weights * dWeights);
      ${alone ? '' : laterChunks('dValues = maps[other] * dValues + maps[p.size + other]; dWeights = maps[other] * dWeights + maps[2u * p.size + other]; excess *= maps[3u * p.size + other];')}
      var dDecay = 0.0;
      var dBonus = 0.0;
      ${backwards(
        dy,
        `
        let dOwn = seen.y * (value - y) * d;
        dBonus += dOwn;
        dDecay -= rate * (next.x * (state.values * dValues + state.weights * dWeights) + select(0.0, excess, isOlder));
        dk[at] = next.y * (value * dValues + dWeights) + dOwn + select(excess, 0.0, isOlder);
        dv[at] = next.y * dValues + seen.y * d;`,
      )}
      if (begin == 0u) {
        let first = ${loadState('states', 'sequence * (p.length + 1u)')};
        let d = State(dValues, dWeights, first.values * dValues + first.weights * dWeights + excess);
        ${storeState('dStart', 'sequence', 'd')}
      }
      maps[4u * p.size + i] = dDecay;
      maps[5u * p.size + i] = dBonus;`;

/** Every sequence and chunk has a share, value `part` of the maps, in the gradient of a shared parameter. */
function sumOfShares(shader: string, maps: Tensor, part: number, y: Tensor, before: Optional): Dispatch[] {
  const [, batch, count, width] = maps.shape as [number, number, number, number];
  return columnSums({
    ...{ shader, rows: batch * count, width },
    ...{ term: `(maps[${part}u * p.rows * p.width + i])`, tensors: { maps } },
    ...{ y, before },
  });
}
