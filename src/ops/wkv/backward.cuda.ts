/**
 * Backward through the recurrence: first every state, then from the end. The map of a chunk is the product by which it
 * carries the gradients of both sums, what it adds to each, and whether it lets the excess through: see
 * wkvBackwardReference.
 */
import { type Chunks, chunkMaps, chunksOf, laterChunks, overChunks } from '../../kernels/cuda/chunks.cuda.ts';
import type { Launch } from '../../kernels/cuda/launch.ts';
import { columnSums } from '../../kernels/cuda/sums.cuda.ts';
import type { Tensor } from '../../program/tensor.ts';
import { beginChunk, forwards, mapsOf, nextState, stateFunctions, type WkvForward } from './kernel.cuda.ts';

type Backward = WkvForward &
  Record<'bonus' | 'states' | 'dk' | 'dv' | 'dDecay' | 'dBonus' | 'dStart', Tensor> &
  Record<'dy' | 'dLast' | 'decayBefore' | 'bonusBefore', Tensor | undefined>;

/** `states` is [batch, length + 1, 3 · width]; dk may be the memory of k, dv that of v. */
export function wkvBackward(t: Backward): Launch[] {
  const { k, v, decay, bonus, dy, dLast, dk, dv, dStart } = t;
  const chunks = chunksOf(k);
  const maps = chunkMaps(chunks, 6);
  const alone = chunks.count === 1;
  const inputs = { k, v, decay, bonus, states: t.states, dy, maps };
  const walk = { functions: stateFunctions, body: backwardWalk(alone) };
  return [
    ...mapsOf(t, maps, chunks),
    keepStates(t, maps, chunks),
    ...(alone
      ? []
      : [overChunks('wkvBackwardChunks', chunks, inputs, { functions: stateFunctions, body: backwardMap })]),
    overChunks('wkvBackward', chunks, { ...inputs, dLast, dk, dv, dStart }, walk),
    ...sumOfShares('wkvDecay', maps, 4, t.dDecay, t.decayBefore),
    ...sumOfShares('wkvBonus', maps, 5, t.dBonus, t.bonusBefore),
  ];
}

const rowBefore = 'sequence * (length + 1) + token';

function keepStates(t: Backward, maps: Tensor, chunks: Chunks): Launch {
  const { k, v, decay, start, states } = t;
  const body = `
    ${beginChunk(chunks)}
    ${forwards(`store(states, ${rowBefore}, c, width, state);
      ${nextState}`)}
    if (end == length) store(states, sequence * (length + 1) + length, c, width, state);`;
  return overChunks(
    'wkvStates',
    chunks,
    { k, v, decay, start, states, maps },
    { functions: stateFunctions, body },
  );
}

/** Code for each token of a chunk from its last one, with what it did to the state and to y. */
const backwards = (body: string) => `
    const float rate = expf(decay[c]);
    for (unsigned token = end; token-- > begin;) {
      const unsigned at = (sequence * length + token) * width + c;
      const float key = k[at], value = v[at];
      const State state = load(states, ${rowBefore}, c, width);
      const float older = state.max - rate;
      const bool isOlder = older >= key;
      const float2 next = shares(older, key), seen = shares(state.max, bonus[c] + key);
      const float below = seen.x * state.weights + seen.y;
      const float y = (seen.x * state.values + seen.y * value) / below;
      const float d = (dy ? dy[at] : 0.f) / below;
      ${body}
      dValues = next.x * dValues + seen.x * d;
      dWeights = next.x * dWeights - seen.x * y * d;
      if (!isOlder) excess = 0.f;
    }`;

const backwardMap = `
    float product = 1.f, dValues = 0.f, dWeights = 0.f, excess = 1.f;
    ${backwards('product *= next.x;')}
    maps[i] = product;
    maps[size + i] = dValues;
    maps[2 * size + i] = dWeights;
    maps[3 * size + i] = excess;`;

const throughLater = `dValues = maps[other] * dValues + maps[size + other];
      dWeights = maps[other] * dWeights + maps[2 * size + other];
      excess *= maps[3 * size + other];`;

const backwardWalk = (alone: boolean) => `
    const State asked = dLast ? load(dLast, sequence, c, width) : State{0.f, 0.f, 0.f};
    const State atEnd = load(states, sequence * (length + 1) + length, c, width);
    float dValues = asked.values, dWeights = asked.weights, dDecay = 0.f, dBonus = 0.f;
    float excess = asked.max - (atEnd.values * dValues + atEnd.weights * dWeights);
    ${alone ? '' : laterChunks(throughLater)}
    ${backwards(`const float dOwn = seen.y * (value - y) * d;
      dBonus += dOwn;
      dDecay -= rate * (next.x * (state.values * dValues + state.weights * dWeights) + (isOlder ? excess : 0.f));
      dk[at] = next.y * (value * dValues + dWeights) + dOwn + (isOlder ? 0.f : excess);
      dv[at] = next.y * dValues + seen.y * d;`)}
    if (begin == 0) {
      const State first = load(states, sequence * (length + 1), c, width);
      store(dStart, sequence, c, width, State{dValues, dWeights, first.values * dValues + first.weights * dWeights + excess});
    }
    maps[4 * size + i] = dDecay;
    maps[5 * size + i] = dBonus;`;

/** Every sequence and chunk has a share, value `part` of the maps, in the gradient of what all of them share. */
function sumOfShares(
  kernel: string,
  maps: Tensor,
  part: number,
  y: Tensor,
  before: Tensor | undefined,
): Launch[] {
  const [, batch, count, width] = maps.shape as [number, number, number, number];
  return columnSums({
    ...{ kernel, rows: batch * count, width },
    ...{ term: `maps[${part} * rows * width + i]`, tensors: { maps } },
    ...{ y, before },
  });
}
