/** Reports of an evaluation: JSON for machines, a table for people. */
import { formatTable } from '../format.ts';
import { accuraciesOf, baselinesOf, type ScoredItem } from './metrics.ts';
import { bitsPerByte, type PositionScore, sumPositions } from './positions.ts';
import type { Metric, Task } from './task.ts';
import { paperTasks } from './tasks.ts';

/** The scores of a model on a task, and what they were measured on. */
export interface TaskReport {
  readonly task: string;
  readonly version: number;
  /** Source of the data. */
  readonly data: string;
  readonly items: number;
  /** Continuations encoded without their context, because one token spans the boundary. */
  readonly encodedAlone?: number;
  /** Present if the items are a sample; see sample.ts. */
  readonly sample?: { readonly of: number; readonly seed: number };
  /** The metric that the paper's tables show. */
  readonly headline: string;
  readonly metrics: readonly Metric[];
  /** Of texts, by the number of tokens before; bytes are those of the tokens. */
  readonly positions?: readonly (Omit<PositionScore, 'logLikelihood'> & { readonly bitsPerByte: number })[];
  /** Accuracy of guessing, and of the place that is right most often; for tasks with choices. */
  readonly baselines?: { readonly chance: number; readonly majority: number };
}

export interface EvaluationReport {
  readonly model: string;
  readonly fingerprint: number;
  readonly engine: string;
  readonly date: string;
  readonly tasks: readonly TaskReport[];
  /** Mean of the headline accuracies of the paper's six tasks, if all are here. */
  readonly average: number | undefined;
}

export function taskReport(
  { name, version, headline }: Pick<Task, 'name' | 'version' | 'headline'>,
  data: string,
  { metrics, scored }: { readonly metrics: readonly Metric[]; readonly scored: readonly ScoredItem[] },
): TaskReport {
  const baselines = baselinesOf(scored);
  const alone = scored.flatMap(({ scores }) => scores).filter(({ encodedAlone }) => encodedAlone).length;
  return {
    ...(alone > 0 ? { encodedAlone: alone } : {}),
    task: name,
    version,
    data,
    items: scored.length,
    headline,
    metrics,
    ...(baselines ? { baselines } : {}),
    ...positionsOf(scored),
  };
}

function positionsOf(scored: readonly ScoredItem[]): Pick<TaskReport, 'positions'> {
  const lists = scored
    .flatMap(({ scores }) => scores)
    .flatMap(({ positions }) => (positions ? [positions] : []));
  if (lists.length === 0) return {};
  const positions = sumPositions(lists).flatMap(({ logLikelihood, ...one }) => {
    const bits = bitsPerByte({ ...one, logLikelihood });
    return bits === undefined ? [] : [{ ...one, bitsPerByte: bits }];
  });
  return { positions };
}

export function averageOf(tasks: readonly TaskReport[]): number | undefined {
  const values = paperTasks.map(({ name, headline }) => {
    const report = tasks.find(({ task }) => task === name);
    return report?.metrics.find((metric) => metric.name === headline)?.value;
  });
  const known = values.filter((value) => value !== undefined);
  return known.length === values.length
    ? known.reduce((sum, value) => sum + value, 0) / known.length
    : undefined;
}

/** All scores of an item and whether they are right, for files. */
export function itemScores(scored: readonly ScoredItem[]) {
  return scored.map((one, index) => ({
    item: one.item.index ?? index,
    ...(one.item.gold === undefined ? {} : { gold: one.item.gold }),
    metrics: accuraciesOf(one),
    scores: one.scores,
  }));
}

/** Formats a table as lines; an asterisk marks the metric of the paper's tables. */
export function reportLines({ tasks, average }: Pick<EvaluationReport, 'tasks' | 'average'>): string[] {
  const rows = tasks.flatMap(({ task, items, headline, metrics, baselines }) =>
    metrics.map((metric, index) => [
      index === 0 ? task : '',
      index === 0 ? String(items) : '',
      `${metric.name}${metric.name === headline ? ' *' : '  '}`,
      figure(metric),
      metric.standardError === undefined ? '' : `± ${figure({ ...metric, value: metric.standardError })}`,
      index === 0 && baselines ? `${percent(baselines.chance)}, ${percent(baselines.majority)}` : '',
    ]),
  );
  const last = average === undefined ? [] : [['average', '', 'headlines  ', percent(average), '', '']];
  return formatTable(['task', 'items', 'metric', 'value', 'error', 'chance, majority'], [...rows, ...last]);
}

/** Formats bits per byte by position as lines, a table for each text. */
export function positionLines({ task, positions }: TaskReport): string[] {
  if (!positions) return [];
  const rows = positions.map(({ from, end, tokens, bitsPerByte: bits }) => [
    end - from > 1 ? `${from}–${end - 1}` : `${from}`,
    String(tokens),
    bits.toFixed(3),
  ]);
  return ['', `${task}, by tokens before`, ...formatTable(['before', 'tokens', 'bits_per_byte'], rows)];
}

function percent(share: number): string {
  return (100 * share).toFixed(2);
}

/** Formats accuracies in per cent, other metrics as they are. */
function figure({ name, value }: Metric): string {
  if (name === 'acc' || name === 'acc_norm') return percent(value);
  return value >= 1e5 ? value.toExponential(2) : value.toFixed(3);
}
