/** How probable a session finds given tokens, and what it finds likelier: by logits, which are all read. */
import { NumericalError } from '../errors.ts';
import type { Session } from '../generate/session.ts';
import type { TokenScore as Score } from '../run/scoring.ts';

/** What scoring needs of a session. */
export type ScoringSession = Pick<Session, 'predict'>;

export interface TokenScore extends Score {
  readonly id: number;
  /** The likeliest tokens here, the most probable first, if asked for. */
  readonly top: readonly TokenProbability[];
}

export interface TokenProbability {
  readonly id: number;
  readonly logProbability: number;
}

export interface ScoreOptions {
  /** How many of the likeliest tokens to tell at each place. Default 0. */
  readonly top?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Logits of so many numbers are held at a time. */
const maxLogits = 2 ** 24;

/**
 * Adds tokens to a session that has at least one, and tells how probable each was after all before it.
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

/** The probability of one token by the logits [vocabulary] of its place. */
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

/** Indices of the largest values, largest first, equal ones in order. */
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
