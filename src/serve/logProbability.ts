/** Log-probabilities of tokens, as the model gives them: before temperature, penalties and biases. */
import { NumericalError } from '../errors.ts';

export interface Likely {
  readonly id: number;
  readonly logprob: number;
}

export interface TokenLogprob extends Likely {
  /** The most probable tokens, the most probable first; equally probable ones by their ids. */
  readonly top: readonly Likely[];
}

/**
 * x_id − log Σ e^x, in float64.
 * @param logits [vocabulary]
 * @param count number of most probable tokens to list
 */
export function logProbability(logits: Float32Array, id: number, count: number): TokenLogprob {
  const total = logSumExp(logits);
  const top = largest(logits, count).map((other) => ({ id: other, logprob: logits[other]! - total }));
  return { id, logprob: logits[id]! - total, top };
}

function logSumExp(logits: Float32Array): number {
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < logits.length; i++) if (logits[i]! > max) max = logits[i]!;
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i]! - max);
  const total = max + Math.log(sum);
  if (!Number.isFinite(total))
    throw new NumericalError("logits contain NaN or Infinity; the model's weights may be damaged");
  return total;
}

/** Ids of the `count` largest logits; there are few, so an ordered list is fast. */
function largest(logits: Float32Array, count: number): number[] {
  const ids: number[] = [];
  if (count === 0) return ids;
  for (let id = 0; id < logits.length; id++) {
    if (ids.length === count && logits[id]! <= logits[ids.at(-1)!]!) continue;
    let at = ids.length;
    while (at > 0 && logits[ids[at - 1]!]! < logits[id]!) at--;
    ids.splice(at, 0, id);
    if (ids.length > count) ids.pop();
  }
  return ids;
}
