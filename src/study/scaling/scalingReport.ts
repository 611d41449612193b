/** The report of a scaling study: text, tables and a figure. */
import { formatCount } from '../../format.ts';
import type { Family } from '../families.ts';
import { rateSearchTable } from '../rateSearchTable.ts';
import type { Report, Table } from '../study.ts';
import { type Crossing, crossingOf, type Fit, fitPowerLaw, type Point } from './powerLaw.ts';
import type { FamilyRates, ScalingResults, ScalingRow } from './scaling.ts';
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
  const ends = rangeOf(found);
  const crossing = first?.fit && second?.fit ? crossingOf(first.fit, second.fit, ends.to) : undefined;
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
      ...(crossing
        ? [describeCrossing([first!.family.label, second!.family.label], { crossing, ...ends })]
        : []),
      ...results.rates.map((rates) => describeRates(rates, families)),
    ],
    tables: [
      runsTable(found),
      rateSearchTable('The search for learning rates, at two sizes', results.rows, families),
    ],
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
  const best = [...bySize.values()]
    .map((runs) => runs.reduce((one, other) => (other.outcome.loss! < one.outcome.loss! ? other : one)))
    .sort((a, b) => a.parameters - b.parameters);
  const points = best.map(({ flops, outcome }) => ({ x: flops, y: outcome.loss! }));
  return { family, best, points, fit: points.length >= 3 ? fitPowerLaw(points, seed) : undefined };
}

/** Operations of the smallest and the largest run. */
function rangeOf(found: readonly FamilyResult[]): { readonly from: number; readonly to: number } {
  const xs = found.flatMap(({ points }) => points.map(({ x }) => x));
  return { from: Math.min(...xs), to: Math.max(...xs) };
}

function method({ ladder, corpus }: ScalingResults): string {
  return (
    `Every family reads the same tokens in the same order: a corpus of ${formatCount(corpus.tokens)}, a tokenizer of ` +
    `${corpus.vocabulary} entries learned from it, ${ladder.tokensPerParameter} tokens a parameter, read ` +
    `${ladder.epochs > 1 ? `up to ${ladder.epochs} times` : 'once'}, ${ladder.batch} × ${ladder.length} a step. ` +
    'Loss is that of windows kept out of training, with the last weights. Parameters are those of matrices, the head ' +
    'among them, the embedding not. Operations are counted alike: six for each token and each of these, and six for ' +
    'each product of attention with its context; that a ternary weight needs no multiplication is not counted in its ' +
    'favour. Learning rates are searched for each family at two sizes; for the others, a power of the width goes ' +
    'through the lowest points of parabolas through the losses found, with an exponent from −1 to 0.'
  );
}

function describeRates({ family, exponent, found, at }: FamilyRates, families: readonly Family[]): string {
  const { label } = families.find(({ name }) => name === family)!;
  const held = exponent === found ? '' : ` (found ${found.toFixed(2)}, held to the range)`;
  return (
    `Learning rate of ${label}: ${at.rate.toPrecision(3)} at a width of ${at.width.toFixed(0)}, and with ` +
    `width^${exponent.toFixed(2)}${held}.`
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

/**
 * Where the first line falls below the second, in words.
 * @param range operations of the smallest and the largest run beside the crossing
 */
export function describeCrossing(
  [first, second]: readonly [string, string],
  { crossing, from, to }: { readonly crossing: Crossing; readonly from: number; readonly to: number },
): string {
  const { kind, behind, ahead, at, low, high } = crossing;
  const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
  const paper = 'The paper has its families cross near 1e23.';
  if (kind === 'behind') {
    const isWithin = at !== undefined && at > from && at < to;
    return (
      `${first} is below ${second} at the largest size trained (in ${percent(behind)} of the bootstrap samples): ` +
      `${isWithin ? `the lines cross at ${at.toExponential(1)} operations, within what was trained` : 'it is below at all sizes trained'}. ${paper}`
    );
  }
  if (kind === 'ahead') {
    return (
      `${first} is above ${second} at the largest size trained, and falls faster: the lines cross at ` +
      `${at!.toExponential(1)} operations, in 95 of 100 bootstrap samples between ${low!.toExponential(1)} and ` +
      `${high!.toExponential(1)}. ${paper}`
    );
  }
  if (kind === 'never') {
    return (
      `No crossing within the band: ${first} is above ${second} at the largest size trained, and falls no faster, in ` +
      `${percent(1 - behind - ahead)} of the bootstrap samples. ${paper}`
    );
  }
  return (
    `No crossing can be told from the bands: ${first} is below ${second} at the largest size trained in ` +
    `${percent(behind)} of the bootstrap samples, falls below further on in ${percent(ahead)}, and stays above in ` +
    `${percent(1 - behind - ahead)}. ${paper}`
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
