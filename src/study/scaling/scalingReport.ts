/** What a scaling study found, in words, tables and a figure. */
import { formatCount } from '../../format.ts';
import type { Family } from '../families.ts';
import type { Report, Table } from '../study.ts';
import { type Crossing, crossingOf, type Fit, fitPowerLaw, type Point } from './powerLaw.ts';
import type { ScalingResults, ScalingRow } from './scaling.ts';
import { type Series, scalingFigure } from './scalingFigure.ts';

interface FamilyResult {
  readonly family: Family;
  /** The best run of each size. */
  readonly best: readonly ScalingRow[];
  readonly points: readonly Point[];
  readonly fit: Fit | undefined;
}

export function reportOf(results: ScalingResults, families: readonly Family[], seed: number): Report {
  const found = families.map((family) => resultOf(family, results.rows, seed));
  const [first, second] = found;
  const largest = Math.max(...results.rows.map(({ flops }) => flops));
  const crossing = first?.fit && second?.fit ? crossingOf(first.fit, second.fit, largest) : undefined;
  const series: Series[] = found.map(({ family: { label, color }, points, fit }) => ({
    label,
    color,
    points,
    fit,
  }));
  return {
    title: 'Loss against training operations',
    text: [
      method(results),
      ...found.flatMap(describeLine),
      ...(crossing ? [describeCrossing(found, crossing)] : []),
    ],
    tables: [runsTable(found), searchTable(results.rows, families)],
    figures: [
      {
        name: 'scaling',
        caption: 'Loss on text kept out against training operations; bands hold 95 of 100 bootstrap samples.',
        svg: scalingFigure('Loss against training operations', series, crossing?.at),
      },
    ],
    data: {
      ...results,
      fits: found.map(({ family, fit }) => ({
        family: family.name,
        slope: fit?.slope,
        intercept: fit?.intercept,
      })),
      crossing,
    },
  };
}

function resultOf(family: Family, rows: readonly ScalingRow[], seed: number): FamilyResult {
  const own = rows.filter((row) => row.family === family.name && row.outcome.loss !== undefined);
  const bySize = Map.groupBy(own, ({ parameters }) => parameters);
  const best = [...bySize.values()].map((runs) =>
    runs.reduce((one, other) => (other.outcome.loss! < one.outcome.loss! ? other : one)),
  );
  const points = best.map(({ flops, outcome }) => ({ x: flops, y: outcome.loss! }));
  return { family, best, points, fit: points.length >= 3 ? fitPowerLaw(points, seed) : undefined };
}

function method({ ladder, corpus }: ScalingResults): string {
  return (
    `Every family reads the same tokens in the same order: ${formatCount(corpus.tokens)} in all, a tokenizer of ` +
    `${corpus.vocabulary} entries learned from them, ${ladder.tokensPerParameter} tokens a parameter as far as they ` +
    `last, ${ladder.batch} × ${ladder.length} a step. Loss is that of windows kept out of training, with the last ` +
    'weights. Operations are counted alike: six for each token and each weight of a matrix, embedding left out, and ' +
    'six for each product of attention with its context; that a ternary weight needs no multiplication is not ' +
    'counted in its favour. The learning rate is searched at the smallest size of each family, and falls with size ' +
    "as the paper's rates did."
  );
}

function describeLine({ family, fit, points }: FamilyResult): string[] {
  if (!fit) return [];
  const range = points.at(-1)!.x / points[0]!.x;
  return [
    `${family.label}: L = ${(10 ** fit.intercept).toPrecision(4)} · C^(${fit.slope.toFixed(4)}), from ` +
      `${points.length} sizes over a factor of ${range.toFixed(0)} in operations.`,
  ];
}

/** The paper saw its families meet near 10²³; what can be said from here depends on the band. */
function describeCrossing(
  [first, second]: readonly FamilyResult[],
  { share, low, high, at }: Crossing,
): string {
  const names = `${first!.family.label} and ${second!.family.label}`;
  const percent = `${(100 * share).toFixed(0)} %`;
  if (share >= 0.975 && at !== undefined) {
    return (
      `The lines of ${names} cross at ${at.toExponential(1)} operations; 95 of 100 bootstrap samples have it between ` +
      `${low!.toExponential(1)} and ${high!.toExponential(1)}. The paper's cross near 1e23.`
    );
  }
  return (
    `No crossing within the band: in ${percent} of the bootstrap samples only does ${first!.family.label} fall below ` +
    `${second!.family.label} further on${low === undefined ? '' : `, between ${low.toExponential(1)} and ${high!.toExponential(1)} operations`}. ` +
    'The paper has the lines cross near 1e23 operations.'
  );
}

function runsTable(found: readonly FamilyResult[]): Table {
  return {
    title: 'The best run of each size',
    columns: [
      'model',
      'parameters in matrices',
      'tokens',
      'tokens a parameter',
      'operations',
      'rate',
      'loss',
      'bits a byte',
      'minutes',
    ],
    rows: found.flatMap(({ family, best }) =>
      best.map(({ rung, parameters, flops, learningRate, outcome }) => [
        `${family.label} ${rung.layers} × ${rung.hiddenSize}`,
        formatCount(parameters),
        formatCount(outcome.tokens),
        (outcome.tokens / parameters).toFixed(1),
        flops.toExponential(2),
        learningRate.toPrecision(2),
        outcome.loss!.toFixed(4),
        outcome.bitsPerByte!.toFixed(4),
        (outcome.seconds / 60).toFixed(1),
      ]),
    ),
  };
}

function searchTable(rows: readonly ScalingRow[], families: readonly Family[]): Table {
  return {
    title: 'The search for learning rates, at the smallest size',
    columns: ['model', 'rate', 'loss'],
    rows: rows
      .filter(({ search }) => search)
      .map(({ family, learningRate, outcome }) => [
        families.find(({ name }) => name === family)!.label,
        learningRate.toPrecision(2),
        outcome.loss?.toFixed(4) ?? `diverged: ${outcome.failure}`,
      ]),
  };
}
