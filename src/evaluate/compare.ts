/** Two models on the same items: the difference of their accuracies, with an interval from resampled items. */
import * as v from 'valibot';
import { InputError } from '../errors.ts';
import { formatTable } from '../format.ts';
import { SeededRandom } from '../text/seededRandom.ts';

const fileSchema = v.object({
  model: v.string(),
  tasks: v.array(v.object({ task: v.string(), headline: v.string() })),
  scores: v.record(
    v.string(),
    v.array(v.object({ item: v.number(), metrics: v.optional(v.record(v.string(), v.number())) })),
  ),
});

/** The part of a file of `evaluate --out` that a comparison reads. */
export type ScoredFile = v.InferOutput<typeof fileSchema>;

export interface Comparison {
  readonly task: string;
  readonly metric: string;
  /** Items that both files have. */
  readonly items: number;
  readonly first: number;
  readonly second: number;
  /** Items that only the first, and only the second model has right. */
  readonly onlyFirst: number;
  readonly onlySecond: number;
  /** second − first: the middle 95 % of the resampled differences. */
  readonly low: number;
  readonly high: number;
}

const resamples = 2000;

/** @throws InputError if it is not what `evaluate --out` of this version wrote */
export function parseScores(json: unknown, where: string): ScoredFile {
  const result = v.safeParse(fileSchema, json);
  if (result.success) return result.output;
  const path = result.issues[0].path?.map(({ key }) => String(key)).join('.') ?? 'the file';
  throw new InputError(`${where}: ${path}: ${result.issues[0].message}; expected what evaluate --out writes`);
}

/**
 * Compares the headline accuracy of each task that both files have.
 * @throws InputError if they share no task with items of both
 */
export function compareScores(first: ScoredFile, second: ScoredFile, seed: number): Comparison[] {
  const found = first.tasks.flatMap(({ task, headline }) => {
    const pairs = pairsOf(first, second, task, headline);
    return pairs.length === 0 ? [] : [{ task, metric: headline, ...pairedDifference(pairs, seed) }];
  });
  if (found.length > 0) return found;
  throw new InputError(`--compare: ${whyNothing(first, second)}`);
}

function whyNothing(first: ScoredFile, second: ScoredFile): string {
  const names = ({ tasks }: ScoredFile) => tasks.map(({ task }) => task).join(', ');
  const shared = first.tasks.filter(({ task }) => second.tasks.some((other) => other.task === task));
  if (shared.length === 0)
    return `found ${names(first)} in the first file and ${names(second)} in the second, expected the same tasks`;
  const isRight = shared.some(({ task, headline }) =>
    first.scores[task]?.some(({ metrics }) => metrics?.[headline] !== undefined),
  );
  return isRight
    ? 'found no item that both files have, expected files of the same --limit and --seed'
    : `found ${names({ ...first, tasks: shared })}, whose items are not right or wrong; expected a task of questions`;
}

/** The values of the items that both have. */
function pairsOf(first: ScoredFile, second: ScoredFile, task: string, metric: string): [number, number][] {
  const beside = new Map((second.scores[task] ?? []).map(({ item, metrics }) => [item, metrics?.[metric]]));
  return (first.scores[task] ?? []).flatMap(({ item, metrics }): [number, number][] => {
    const [one, other] = [metrics?.[metric], beside.get(item)];
    return one === undefined || other === undefined ? [] : [[one, other]];
  });
}

/** Paired: an item is drawn with both models' values, so that what makes items hard for both cancels. */
export function pairedDifference(pairs: readonly (readonly [number, number])[], seed: number) {
  const random = new SeededRandom(seed);
  const differences = pairs.map(([one, other]) => other - one);
  const drawn = Array.from({ length: resamples }, () => {
    let sum = 0;
    for (let k = 0; k < differences.length; k++) sum += differences[random.integer(differences.length)]!;
    return sum / differences.length;
  }).sort((a, b) => a - b);
  const mean = (place: 0 | 1) => pairs.reduce((sum, pair) => sum + pair[place], 0) / pairs.length;
  return {
    items: pairs.length,
    ...{ first: mean(0), second: mean(1) },
    onlyFirst: differences.filter((one) => one < 0).length,
    onlySecond: differences.filter((one) => one > 0).length,
    low: drawn[Math.floor(0.025 * resamples)]!,
    high: drawn[Math.ceil(0.975 * resamples) - 1]!,
  };
}

/** A table of accuracies in per cent. */
export function comparisonLines(comparisons: readonly Comparison[]): string[] {
  const percent = (share: number) => (100 * share).toFixed(1);
  const rows = comparisons.map((one) => [
    ...[one.task, one.metric, String(one.items), percent(one.first), percent(one.second)],
    percent(one.second - one.first),
    `${percent(one.low)} to ${percent(one.high)}`,
    `${one.onlyFirst}, ${one.onlySecond}`,
  ]);
  const columns = [
    'task',
    'metric',
    'items',
    'first',
    'second',
    'difference',
    '95 %',
    'only first, second right',
  ];
  return formatTable(columns, rows);
}
