/**
 * Samples the next token from logits: repetition penalty, temperature, top-k, top-p, min-p, one draw, in this order.
 * This is the definition; draw/ has it compiled, for generating.
 *
 * Vocabularies have up to 128,000 tokens, so they are not sorted. Top-k and top-p only select the most probable tokens,
 * in time linear in the vocabulary.
 */
import { NumericalError } from '../errors.ts';
import type { SeededRandom } from '../text/seededRandom.ts';
import { exponentials } from './exponential.ts';
import { checkSampling, type SamplingOptions } from './samplingOptions.ts';
import { selectTop } from './selectTop.ts';

export type { SamplingOptions } from './samplingOptions.ts';

/**
 * Draws a token id.
 * @param logits [vocabulary], not changed; −Infinity excludes a token
 * @param random used only if temperature > 0. The same logits, options and random state give the same token on
 *   every platform.
 * @param history ids that the repetition penalty applies to
 * @throws {InputError} if an option is out of range
 * @throws {NumericalError} if a logit is NaN or +Infinity, or all are −Infinity
 */
export function sample(
  logits: Float32Array,
  options: SamplingOptions,
  random: SeededRandom,
  history: Iterable<number> = [],
): number {
  const { temperature, topK, topP, minP, repetitionPenalty } = checkSampling(options);
  const penalized = penalizeRepetition(logits, history, repetitionPenalty);
  const best = likeliest(penalized);
  if (temperature === 0) return best;

  const { ids, weights } = roomFor(logits.length);
  if (topK === 0 && topP === 1)
    return drawOfAll(penalized, penalized[best]!, temperature, minP, weights, random);
  // Temperature does not change which logits are the largest, and few exponentials are cheaper than many.
  let candidates = keepTopK(keepPossible(penalized, ids), penalized, topK);
  if (topK > 0) candidates.sort(); // selecting moves ids; sums are taken in the order of ids
  toWeights(candidates, penalized, penalized[best]!, temperature, weights);
  candidates = keepTopP(candidates, weights, topP);
  candidates = keepMinP(candidates, weights, minP).sort();
  return draw(candidates, weights, random);
}

/** A draw for which no tokens are selected first: the same one, without ids. */
function drawOfAll(
  logits: Float32Array,
  largest: number,
  temperature: number,
  minP: number,
  room: Float64Array,
  random: SeededRandom,
): number {
  const weights = room.subarray(0, logits.length);
  for (let id = 0; id < logits.length; id++) weights[id] = (logits[id]! - largest) / temperature;
  let sum = exponentials(weights);
  if (minP > 0) {
    sum = 0;
    for (let id = 0; id < weights.length; id++) {
      if (weights[id]! < minP) weights[id] = 0;
      sum += weights[id]!;
    }
  }
  let rest = uniformOf(random) * sum;
  let drawn = -1;
  for (let id = 0; id < weights.length && rest >= 0; id++) {
    const weight = weights[id]!;
    if (weight > 0) drawn = id; // also the last one, in case rounding leaves a remainder
    rest -= weight;
  }
  return drawn;
}

/** Scratch memory of a draw, the size of the vocabulary. All draws share it. */
let room = { ids: new Uint32Array(), weights: new Float64Array() };

function roomFor(vocabulary: number): typeof room {
  if (room.ids.length < vocabulary)
    room = { ids: new Uint32Array(vocabulary), weights: new Float64Array(vocabulary) };
  return room;
}

/** Makes tokens of the history less probable (penalty > 1) or more probable (< 1), each once. */
export function penalizeRepetition(
  logits: Float32Array,
  history: Iterable<number>,
  penalty: number,
): Float32Array {
  if (penalty === 1) return logits;
  const penalized = logits.slice();
  penalizeInPlace(penalized, history, penalty);
  return penalized;
}

export function penalizeInPlace(logits: Float32Array, history: Iterable<number>, penalty: number): void {
  for (const id of new Set(history)) {
    const logit = logits[id];
    if (logit !== undefined) logits[id] = logit > 0 ? logit / penalty : logit * penalty;
  }
}

/** The id of the largest logit, the smallest such id. */
export function likeliest(logits: Float32Array): number {
  let best = -1;
  let largest = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id]!;
    if (logit > largest) {
      largest = logit;
      best = id;
    } else if (Number.isNaN(logit)) {
      throw new NumericalError(
        `logits: found NaN for token ${id}, expected numbers; the model's weights may be damaged`,
      );
    }
  }
  if (best < 0 || largest === Number.POSITIVE_INFINITY) {
    throw new NumericalError(
      `logits: found a largest of ${largest} in ${logits.length}, expected a finite number`,
    );
  }
  return best;
}

/** Ids whose logit is above −Infinity, in `ids`, [vocabulary] or more. */
export function keepPossible(logits: Float32Array, ids = new Uint32Array(logits.length)): Uint32Array {
  let count = 0;
  for (let id = 0; id < logits.length; id++) if (logits[id]! > Number.NEGATIVE_INFINITY) ids[count++] = id;
  return ids.subarray(0, count);
}

/** The ids of the k largest logits; all for k = 0. Reorders `ids`. */
export function keepTopK(ids: Uint32Array, logits: Float32Array, k: number): Uint32Array {
  if (k === 0 || k >= ids.length) return ids;
  const kept = selectTop(ids, logits, k, () => 1);
  return ids.subarray(0, kept);
}

/** weights[id] = exp((logit − largest) / temperature), in proportion to its probability and at most 1, of `ids` only. */
function toWeights(
  ids: Uint32Array,
  logits: Float32Array,
  largest: number,
  temperature: number,
  weights: Float64Array,
): void {
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!;
    weights[id] = (logits[id]! - largest) / temperature;
  }
  exponentials(weights, ids);
}

/** The smallest set of the heaviest ids whose total weight is at least the share p. Overwrites `ids`. */
export function keepTopP(ids: Uint32Array, weights: Float64Array, p: number): Uint32Array {
  if (p === 1) return ids;
  const total = sumOf(ids, weights);
  // All ids lighter than this have less than the share 1 − p in total, so none of them is needed. The factor allows
  // for rounding. In real distributions few ids remain to select from.
  const minWeight = (((1 - p) * total) / ids.length) * (1 - 1e-9);
  let heavy = 0;
  for (let i = 0; i < ids.length; i++) if (weights[ids[i]!]! >= minWeight) ids[heavy++] = ids[i]!;
  const candidates = ids.subarray(0, heavy);
  const kept = selectTop(candidates, weights, p * total, (id) => weights[id]!);
  return candidates.subarray(0, kept);
}

/** The ids at least p times as heavy as the heaviest. */
export function keepMinP(ids: Uint32Array, weights: Float64Array, p: number): Uint32Array {
  return p === 0 ? ids : ids.filter((id) => weights[id]! >= p); // the heaviest weighs exp(0) = 1
}

/** Draws one of `ids` with a probability in proportion to its weight. */
export function draw(ids: Uint32Array, weights: Float64Array, random: SeededRandom): number {
  let rest = uniformOf(random) * sumOf(ids, weights);
  let drawn = ids[0]!;
  for (let i = 0; i < ids.length && rest >= 0; i++) {
    const weight = weights[ids[i]!]!;
    if (weight > 0) drawn = ids[i]!; // also the last one, in case rounding leaves a remainder
    rest -= weight;
  }
  return drawn;
}

/** The random number of a draw, in [0, 1): rounded to float32, so that all engines draw with the same one. */
export function uniformOf(random: SeededRandom): number {
  return Math.min(Math.fround(random.uniform()), largestBelowOne);
}

const largestBelowOne = 1 - 2 ** -24;

function sumOf(ids: Uint32Array, weights: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < ids.length; i++) sum += weights[ids[i]!]!;
  return sum;
}
