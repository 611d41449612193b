/** Compares the scores of items, as our evaluation and another program's have them. */
import type { Scoring } from '../../src/evaluate/task.ts';

/** An item of `plusminus evaluate --out`. */
export interface OwnItem {
  readonly metrics: { readonly acc?: boolean | number; readonly acc_norm?: boolean | number };
  readonly scores: readonly { readonly logLikelihood: number; readonly greedy: boolean }[];
}

/** A line of the harness's samples, as far as it is read. */
export interface HarnessSample {
  readonly doc_id: number;
  /** Of each request: log-likelihood and whether it was the greedy text; for texts the log-likelihood alone. */
  readonly filtered_resps: readonly (readonly [unknown, unknown] | number | string)[];
  readonly acc?: number;
  readonly acc_norm?: number;
}

export interface TaskSummary {
  readonly task: string;
  readonly items: number;
  readonly requests: number;
  /** Largest difference of a log-probability, relative to its size where that is above one. */
  readonly maxDifference: number;
  /** Items that one judges right and the other wrong. */
  readonly otherVerdicts: number;
  readonly agrees: boolean;
}

/** Sums go in another order, and activations at a tie are rounded to another int8 value. */
const tolerance = 1e-4;

export function summaryOf(
  task: string,
  scoring: Scoring,
  own: readonly OwnItem[],
  theirs: readonly HarnessSample[],
): TaskSummary {
  if (own.length !== theirs.length || own.length === 0)
    throw new Error(`${task}: found ${theirs.length} items of the peer, expected ${own.length}, above 0`);
  let [requests, maxDifference, otherVerdicts] = [0, 0, 0];
  for (const [k, { scores, metrics }] of own.entries()) {
    const sample = theirs[k]!;
    const sums = sample.filtered_resps.map((one) => Number(Array.isArray(one) ? one[0] : one));
    if (sums.length !== scores.length)
      throw new Error(`${task}, item ${k}: found ${sums.length} requests, expected ${scores.length}`);
    requests += sums.length;
    for (const [choice, { logLikelihood }] of scores.entries()) {
      const difference = Math.abs(sums[choice]! - logLikelihood) / Math.max(1, Math.abs(logLikelihood));
      maxDifference = Math.max(maxDifference, difference);
    }
    const differs = (one: unknown, other: unknown) => one !== undefined && Number(one) !== Number(other);
    const isOther = differs(metrics.acc, sample.acc) || differs(metrics.acc_norm, sample.acc_norm);
    if (scoring !== 'text' && isOther) otherVerdicts++;
  }
  const agrees = maxDifference < tolerance && otherVerdicts === 0;
  return {
    task,
    items: own.length,
    requests,
    maxDifference: Number(maxDifference.toPrecision(3)),
    otherVerdicts,
    agrees,
  };
}
