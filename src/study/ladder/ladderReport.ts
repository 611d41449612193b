/** The report of the ladder: losses on the grid, the laws, and what equal loss takes. */
import { formatCount } from '../../format.ts';
import type { Family } from '../families.ts';
import { rateSearchTable } from '../rateSearchTable.ts';
import { estimateOf, formatEstimate } from '../statistics.ts';
import type { Report, Table } from '../study.ts';
import { type Fitted, fitWithSamples } from './equalLoss.ts';
import { cellsOf, type GridResults, type GridRow, hasTokens, isOfCell } from './grid.ts';
import { type EqualLoss, equalLosses, type FamilyFit } from './headline.ts';
import { ladderFigure } from './ladderFigure.ts';
import { lossAt, type Trained } from './lossLaw.ts';
import { deviationOf, type Noise, noiseOf } from './noise.ts';

export function ladderReport(results: GridResults): Report {
  const { plan, corpus, families, rows, rates } = results;
  const noise = noiseOf(rows);
  const fits = families.flatMap((family) => {
    const runs = trainedOf(bestOf(rows, family));
    // Five unknowns, and a law of two variables needs several of each.
    const isEnough = runs.length >= 7 && new Set(runs.map(({ tokens }) => tokens)).size > 1;
    return isEnough ? [{ family, fitted: fitWithSamples(runs, deviationOf(noise), 1) }] : [];
  });
  const [first, second] = fits;
  const cells = families.flatMap((family) => bestOf(rows, family));
  const equal = first && second ? equalLosses(results, [first, second], cells) : [];
  return {
    title: 'Loss by parameters and tokens',
    text: [
      `A corpus of ${formatCount(corpus.tokens)} tokens, a tokenizer of ${corpus.vocabulary} entries learned from it, ` +
        `${plan.batch} × ${plan.length} a step; more tokens than the corpus has are read again, in another order. Loss is ` +
        'that of windows kept out of training, in nats a token. Learning rates are searched for each family at two sizes ' +
        'with the fewest tokens; for the others, a power of the width goes through what was found there.',
      ...describeNoise(noise),
      ...fits.map(({ family, fitted }) => describeLaw(family, fitted)),
      ...missingFrom(results),
    ],
    tables: [
      lossTable(results),
      ...equalTable(equal, families),
      ...residualTable(fits),
      rateSearchTable('The search for learning rates', rows, families),
    ],
    figures: [
      {
        name: 'sizes',
        caption: `Loss on text kept out by parameters, for each number of training tokens${first ? ', with the fitted laws' : ''}.`,
        svg: ladderFigure(
          families.map((family) => ({
            family,
            runs: trainedOf(bestOf(rows, family)),
            law: fits.find((fit) => fit.family === family)?.fitted.law,
          })),
        ),
      },
    ],
    data: {
      ...{ plan, corpus, rows, rates, noise, equal },
      laws: fits.map(({ family, fitted }) => ({ family: family.name, ...fitted.law })),
    },
  };
}

function describeNoise({ seeds, rates }: Noise): string[] {
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  return [
    ...(seeds === undefined
      ? []
      : [
          `Seeds differ by ${percent(seeds)} of the loss (standard deviation over groups of seeds at the sizes of the search).`,
        ]),
    ...(rates === undefined
      ? []
      : [
          `At these sizes the rule's rate loses ${percent(rates)} against the best rate of the search (root mean square); the ` +
            'bands contain both, beside the residuals.',
        ]),
  ];
}

/** The best run of each cell with the first seed, which all cells have. */
function bestOf(rows: readonly GridRow[], family: Family): GridRow[] {
  const own = rows.filter(
    (row) => row.family === family.name && row.outcome.loss !== undefined && row.seed === firstSeed(rows),
  );
  const cells = Map.groupBy(own, ({ parameters, outcome }) => `${parameters} ${outcome.tokens}`);
  return [...cells.values()]
    .map((runs) => runs.reduce((one, other) => (other.outcome.loss! < one.outcome.loss! ? other : one)))
    .sort((a, b) => a.parameters - b.parameters || a.outcome.tokens - b.outcome.tokens);
}

function firstSeed(rows: readonly GridRow[]): number {
  return Math.min(...rows.map(({ seed }) => seed));
}

function trainedOf(rows: readonly GridRow[]): Trained[] {
  return rows.map(({ parameters, outcome }) => ({ parameters, tokens: outcome.tokens, loss: outcome.loss! }));
}

function describeLaw(family: Family, { law, runs }: Fitted): string {
  const { irreducible, a, alpha, b, beta } = law;
  return (
    `${family.label}: L = ${irreducible.toFixed(3)} + ${a.toPrecision(3)} · N^(−${alpha.toFixed(3)}) + ` +
    `${b.toPrecision(3)} · D^(−${beta.toFixed(3)}), from ${runs.length} cells of the grid.`
  );
}

function lossTable({ plan, families, rows }: GridResults): Table {
  const cell = (family: Family, parameters: number, tokens: number) => {
    const near = rows.filter(
      (row) =>
        row.family === family.name &&
        row.parameters === parameters &&
        hasTokens(row, tokens) &&
        row.outcome.loss !== undefined,
    );
    if (near.length === 0) return '';
    // Seeds at the rate that most of them have.
    const rate = [...Map.groupBy(near, ({ learningRate }) => learningRate)].sort(
      ([, one], [, other]) => other.length - one.length || bestLoss(one) - bestLoss(other),
    )[0]![1];
    const losses = [...new Map(rate.map((row) => [row.seed, row.outcome.loss!])).values()];
    return formatEstimate(estimateOf(losses), 4);
  };
  const sizes = [...new Set(rows.map(({ parameters }) => parameters))].sort((a, b) => a - b);
  return {
    title: 'Loss, nats a token',
    columns: ['parameters', 'model', ...plan.tokens.map((tokens) => `${formatCount(tokens)} tokens`)],
    rows: sizes.flatMap((parameters) =>
      families.map((family) => [
        formatCount(parameters),
        family.label,
        ...plan.tokens.map((tokens) => cell(family, parameters, tokens)),
      ]),
    ),
  };
}

function bestLoss(rows: readonly GridRow[]): number {
  return Math.min(...rows.map(({ outcome }) => outcome.loss!));
}

function equalTable(found: readonly EqualLoss[], [first, second]: readonly Family[]): Table[] {
  if (found.length === 0) return [];
  return [
    {
      title: `What ${first!.label} takes for the loss of ${second!.label} with as many tokens`,
      columns: [
        ...[
          second!.label,
          'tokens',
          'parameters, times',
          '95 of 100 samples',
          'operations of training, times',
        ],
        ...['bytes of weights, times', 'counted joules of a generated token, times'],
      ],
      rows: found.map(({ parameters, tokens, times, operations, bytes, joules }) => [
        formatCount(parameters),
        formatCount(tokens),
        times.value.toFixed(2),
        `${times.low.toFixed(2)} to ${Number.isFinite(times.high) ? times.high.toFixed(2) : 'any'}`,
        ...[operations, bytes, joules].map((value) => value.toFixed(2)),
      ]),
    },
  ];
}

/** At most so many missing cells are named, not only counted. */
const maxNamed = 8;

/** Cells of the grid that have no run, in words. */
function missingFrom({ plan, families, rows }: GridResults): string[] {
  const first = firstSeed(rows);
  const cells = cellsOf(plan, families, first);
  const missing = cells.filter((cell) => !rows.some((row) => isOfCell(row, cell)));
  if (missing.length === 0) return [];
  const named = missing.map(
    ({ family, rung, tokens, seed }) =>
      `${family.label} ${rung.layers} × ${rung.hiddenSize} with ${formatCount(tokens)} tokens` +
      (seed === first ? '' : ` and seed ${seed}`),
  );
  return [
    `Unfinished: ${missing.length} of ${cells.length} cells of the grid are not trained` +
      `${missing.length > maxNamed ? '' : `: ${named.join('; ')}`}.`,
  ];
}

function residualTable(fits: readonly FamilyFit[]): Table[] {
  if (fits.length === 0) return [];
  return [
    {
      title: 'Residuals of the laws, % of the loss',
      columns: ['model', 'parameters', 'tokens', 'loss', 'law', 'residual'],
      rows: fits.flatMap(({ family, fitted: { law, runs } }) =>
        runs.map(({ parameters, tokens, loss }) => {
          const predicted = lossAt(law, parameters, tokens);
          return [
            family.label,
            formatCount(parameters),
            formatCount(tokens),
            loss.toFixed(4),
            predicted.toFixed(4),
            (100 * (loss / predicted - 1)).toFixed(2),
          ];
        }),
      ),
    },
  ];
}
