import type { Data } from '../../program/op.ts';

/** The sampling options, in the order in which `settings` holds them. */
export interface SampleSettings {
  /** 0: the most probable token. */
  readonly temperature: number;
  /** 0: all. */
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly repetitionPenalty: number;
}

/**
 * One token from logits [vocabulary]. Tokens that were `seen` become less probable. Then the result is the most probable
 * token, or is drawn from the k most probable ones, limited to the fewest that have the share p, and to those at least
 * min p times as probable as the most probable one. Among equal tokens the smaller id comes first, and the draw goes
 * through the ids in order. −1: a logit is NaN, or no token is possible.
 * @param seen a bit a token: bit t mod 32 of word t / 32
 * @param allowed likewise; tokens whose bit is 0 are impossible
 */
export function sampleReference(
  logits: Data,
  seen: Data,
  allowed: Data,
  settings: SampleSettings,
  uniform: number,
): number {
  const { temperature, topK, topP, minP, repetitionPenalty: penalty } = settings;
  const has = (set: Data, id: number) => ((set[id >> 5]! >>> (id & 31)) & 1) === 1;
  const penalised = (logit: number) => (logit > 0 ? logit / penalty : logit * penalty);
  const x = Float64Array.from(logits, (logit, id) =>
    has(allowed, id) ? (has(seen, id) ? penalised(logit) : logit) : Number.NEGATIVE_INFINITY,
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
