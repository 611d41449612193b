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

/** acc: the choice with the largest log-likelihood is right. acc_norm: the one with the largest per character. */
function choiceMetrics(scored: readonly ScoredItem[]): Metric[] {
  const right = scored.map(({ item, scores }) => indexOfLargest(sumsOf(scores)) === item.gold);
  const acc = proportion('acc', right);
  if (scored.some(({ item }) => !item.lengths)) return [acc];
  const rightByLength = scored.map(({ item, scores }) => {
    const byLength = sumsOf(scores).map((sum, k) => sum / item.lengths![k]!);
    return indexOfLargest(byLength) === item.gold;
  });
  return [acc, proportion('acc_norm', rightByLength)];
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
