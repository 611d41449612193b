/** Log-probabilities of given tokens in a session, and the most probable alternatives, from logits. */
import { NumericalError } from '../errors.ts';
import type { Session } from '../generate/session.ts';
import type { TokenScore as Score } from '../run/scoring.ts';

/** The part of a session that scoring needs. */
export type ScoringSession = Pick<Session, 'predict'>;

export interface TokenScore extends Score {
  readonly id: number;
  /** The most probable tokens at this position, in descending order, if requested. */
  readonly top: readonly TokenProbability[];
}

export interface TokenProbability {
  readonly id: number;
  readonly logProbability: number;
}

export interface ScoreOptions {
  /** Number of most probable tokens to return for each position. Default 0. */
  readonly top?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Max logits held at a time. */
const maxLogits = 2 ** 24;

/**
 * Appends tokens and returns the log-probability of each, given all tokens before it. The session must not be empty.
 * @throws InputError for an id outside the vocabulary
 */
export async function scoreTokens(
  session: ScoringSession,
  ids: readonly number[],
  vocabulary: number,
  { top = 0, signal }: ScoreOptions = {},
): Promise<TokenScore[]> {
  const chunk = Math.max(1, Math.min(256, Math.floor(maxLogits / vocabulary)));
  const scores: TokenScore[] = [];
  for (let start = 0; start < ids.length; start += chunk) {
    const part = ids.slice(start, start + chunk);
    const logits = await session.predict(part, signal);
    part.forEach((id, row) => {
      scores.push(scoreOf(logits.subarray(row * vocabulary, (row + 1) * vocabulary), id, top));
    });
  }
  return scores;
}

/** Scores one token from the logits [vocabulary] of its position. */
export function scoreOf(logits: Float32Array, id: number, top = 0): TokenScore {
  let best = 0;
  for (let k = 1; k < logits.length; k++) if (logits[k]! > logits[best]!) best = k;
  const largest = logits[best]!;
  let sum = 0;
  for (let k = 0; k < logits.length; k++) sum += Math.exp(logits[k]! - largest);
  const total = largest + Math.log(sum);
  if (Number.isNaN(total) || Number.isNaN(logits[id])) {
    throw new NumericalError("logits contain NaN or Infinity; the model's weights may be damaged");
  }
  const likeliest = top > 0 ? largestIndices(logits, top) : [];
  return {
    id,
    logProbability: logits[id]! - total,
    greedy: id === best,
    top: likeliest.map((one) => ({ id: one, logProbability: logits[one]! - total })),
  };
}

/** Returns the indices of the largest values in descending order of value, ties in ascending order of index. */
function largestIndices(values: Float32Array, count: number): number[] {
  const found: number[] = [];
  for (let k = 0; k < values.length; k++) {
    if (found.length === count && values[k]! <= values[found.at(-1)!]!) continue;
    const at = found.findIndex((other) => values[other]! < values[k]!);
    found.splice(at < 0 ? found.length : at, 0, k);
    if (found.length > count) found.pop();
  }
  return found;
}
