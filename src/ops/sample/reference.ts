import type { Data } from '../../program/op.ts';

/** What sampling is told, in the order in which `settings` holds it. */
export interface SampleSettings {
  /** 0: the likeliest token. */
  readonly temperature: number;
  /** 0: all. */
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly repetitionPenalty: number;
}

/**
 * One token of logits [vocabulary]: tokens that were `seen` made less likely, then the likeliest, or one drawn from
 * the k likeliest, of them the fewest that have the share p, of them those at least min p times as likely as the
 * likeliest. Of equal ones the smaller id goes first, and the draw walks along the ids. −1: a logit is no number.
 */
export function sampleReference(logits: Data, seen: Data, settings: SampleSettings, uniform: number): number {
  const { temperature, topK, topP, minP, repetitionPenalty: penalty } = settings;
  const x = Float64Array.from(logits, (logit, id) =>
    seen[id] ? (logit > 0 ? logit / penalty : logit * penalty) : logit,
  );
  if (x.some((logit) => Number.isNaN(logit) || logit === Number.POSITIVE_INFINITY)) return -1;
  let ids = [...x.keys()]
    .filter((id) => x[id]! > Number.NEGATIVE_INFINITY)
    .sort((a, b) => x[b]! - x[a]! || a - b);
  if (ids.length === 0) return -1;
  if (temperature === 0) return ids[0]!;
  if (topK > 0) ids = ids.slice(0, topK);
  const largest = x[ids[0]!]!;
  const weight = (id: number) => Math.exp((x[id]! - largest) / temperature);
  const total = (of: readonly number[]) => of.reduce((sum, id) => sum + weight(id), 0);
  if (topP < 1) {
    const target = topP * total(ids);
    let sum = 0;
    ids = ids.filter((id) => {
      const isNeeded = sum < target;
      sum += weight(id);
      return isNeeded;
    });
  }
  ids = ids.filter((id) => weight(id) >= minP).sort((a, b) => a - b);
  let rest = uniform * total(ids);
  let drawn = ids[0]!;
  for (const id of ids) {
    if (rest < 0) break;
    if (weight(id) > 0) drawn = id;
    rest -= weight(id);
  }
  return drawn;
}
