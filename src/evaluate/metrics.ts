/** Computes metrics from scores, by the definitions of lm-evaluation-harness. */
import type { Item, Metric, RequestScore, Scoring } from './task.ts';

export interface ScoredItem {
  readonly item: Item;
  /** One for each request. */
  readonly scores: readonly RequestScore[];
}

/** @param scored at least one */
export function metricsOf(scoring: Scoring, scored: readonly ScoredItem[]): readonly Metric[] {
  return { choice: choiceMetrics, completion: completionMetrics, text: textMetrics }[scoring](scored);
}

function choiceMetrics(scored: readonly ScoredItem[]): Metric[] {
  const values = scored.map(accuraciesOf);
  const acc = proportion(
    'acc',
    values.map(({ acc }) => acc === 1),
  );
  if (values.some(({ acc_norm }) => acc_norm === undefined)) return [acc];
  return [
    acc,
    proportion(
      'acc_norm',
      values.map(({ acc_norm }) => acc_norm === 1),
    ),
  ];
}

/**
 * 1 or 0 for an item. acc: the choice with the largest log-likelihood is right, or greedy decoding gives the completion.
 * acc_norm: the choice with the largest per character. Nothing for texts.
 */
export function accuraciesOf({ item, scores }: ScoredItem): { acc?: number; acc_norm?: number } {
  if (item.size) return {};
  if (item.gold === undefined) return { acc: scores[0]!.greedy ? 1 : 0 };
  const isRight = (values: readonly number[]) => (indexOfLargest(values) === item.gold ? 1 : 0);
  const sums = sumsOf(scores);
  const { lengths } = item;
  return {
    acc: isRight(sums),
    ...(lengths ? { acc_norm: isRight(sums.map((sum, k) => sum / lengths[k]!)) } : {}),
  };
}

/** What needs no model: guessing, and always giving the place that is right most often. Nothing without choices. */
export function baselinesOf(scored: readonly ScoredItem[]): { chance: number; majority: number } | undefined {
  if (scored.some(({ item }) => item.gold === undefined)) return undefined;
  const places = Map.groupBy(scored, ({ item }) => item.gold);
  return {
    chance: mean(scored.map(({ item }) => 1 / item.requests.length)),
    majority: Math.max(...[...places.values()].map(({ length }) => length)) / scored.length,
  };
}

function sumsOf(scores: readonly RequestScore[]): number[] {
  return scores.map(({ logLikelihood }) => logLikelihood);
}

/** Perplexity per word, not per token. Its error is that of the mean, propagated through exp. */
function completionMetrics(scored: readonly ScoredItem[]): Metric[] {
  const losses = scored.map(({ scores }) => -scores[0]!.logLikelihood);
  const perplexity = Math.exp(mean(losses));
  return [
    proportion(
      'acc',
      scored.map(({ scores }) => scores[0]!.greedy),
    ),
    { name: 'perplexity', value: perplexity, ...withError(losses, perplexity) },
  ];
}

function textMetrics(scored: readonly ScoredItem[]): Metric[] {
  const sum = (of: (one: ScoredItem) => number) => scored.reduce((total, one) => total + of(one), 0);
  const loss = -sum(({ scores }) => scores[0]!.logLikelihood);
  const words = sum(({ item }) => item.size!.words);
  const bytes = sum(({ item }) => item.size!.bytes);
  return [
    { name: 'word_perplexity', value: Math.exp(loss / words) },
    { name: 'byte_perplexity', value: Math.exp(loss / bytes) },
    { name: 'bits_per_byte', value: loss / bytes / Math.LN2 },
  ];
}

function proportion(name: 'acc' | 'acc_norm', right: readonly boolean[]): Metric {
  const values = right.map(Number);
  return { name, value: mean(values), ...withError(values) };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Standard error of the mean; for proportions √(p(1 − p)/(n − 1)). Undefined for a single value. */
function withError(values: readonly number[], factor = 1): { standardError?: number } {
  if (values.length < 2) return {};
  const center = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - center) ** 2, 0);
  return { standardError: factor * Math.sqrt(squares / (values.length - 1) / values.length) };
}

/** Index of the largest value; the first if several are equal. */
function indexOfLargest(values: readonly number[]): number {
  return values.reduce((best, value, k) => (value > values[best]! ? k : best), 0);
}
