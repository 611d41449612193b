/** The report of the ladder: losses on the grid, the laws, and what equal loss takes. */
import { formatCount } from '../../format.ts';
import { curvesFigure } from '../curvesFigure.ts';
import type { Family } from '../families.ts';
import { rateSearchTable } from '../rateSearchTable.ts';
import { estimateOf, formatEstimate } from '../statistics.ts';
import type { Report, Table } from '../study.ts';
import { type Band, type Fitted, fitWithSamples, parametersAtEqualLoss } from './equalLoss.ts';
import type { GridResults, GridRow } from './ladder.ts';
import { lossAt, type Trained } from './lossLaw.ts';

/** Bits that hold a weight: ternary ones as files of 2 bits a weight, the others as 16 bits. */
const weightBits: Readonly<Record<string, number>> = { 'matmul-free': 2, transformer: 16 };

export function ladderReport(results: GridResults): Report {
  const { plan, corpus, families, rows, rates } = results;
  const noise = noiseOf(rows);
  const fits = families.flatMap((family) => {
    const runs = trainedOf(bestOf(rows, family));
    // Five unknowns, and a law of two variables needs several of each.
    const isEnough = runs.length >= 7 && new Set(runs.map(({ tokens }) => tokens)).size > 1;
    return isEnough ? [{ family, fitted: fitWithSamples(runs, noise ?? 0, 1) }] : [];
  });
  const equal = equalTable(results, fits);
  return {
    title: 'Loss by parameters and tokens',
    text: [
      `A corpus of ${formatCount(corpus.tokens)} tokens, a tokenizer of ${corpus.vocabulary} entries learned from it, ` +
        `${plan.batch} × ${plan.length} a step; more tokens than the corpus has are read again, in another order. Loss is ` +
        'that of windows kept out of training, in nats a token. Learning rates are searched for each family at two sizes ' +
        'with the fewest tokens; for the others, a power of the width goes through what was found there.',
      ...(noise === undefined
        ? []
        : [
            `Seeds differ by ${(100 * noise).toFixed(2)} % of the loss (standard deviation over groups of ` +
              'seeds at the sizes of the search).',
          ]),
      ...fits.map(({ family, fitted }) => describeLaw(family, fitted)),
    ],
    tables: [
      lossTable(results),
      ...(equal ? [equal] : []),
      residualTable(fits),
      rateSearchTable('The search for learning rates', results.rows, results.families),
    ],
    figures: [
      {
        name: 'sizes',
        caption: 'Loss on text kept out by parameters, for each number of training tokens.',
        svg: curvesFigure(
          'Loss by parameters and tokens',
          families.flatMap((family) =>
            plan.tokens.map((tokens, level) => ({
              label: `${family.label}, ${formatCount(tokens)}`,
              color: shade(family.color, level / plan.tokens.length),
              points: bestOf(rows, family)
                .filter(({ outcome }) => Math.abs(outcome.tokens / tokens - 1) < 0.1)
                .map(({ parameters, outcome }) => [parameters, outcome.loss!] as const),
            })),
          ),
          { x: 'parameters in matrices', logarithmic: true },
        ),
      },
    ],
    data: {
      plan,
      corpus,
      rows,
      rates,
      noise,
      laws: fits.map(({ family, fitted }) => ({ family: family.name, ...fitted.law })),
      equal: equalOf(results, fits),
    },
  };
}

interface FamilyFit {
  readonly family: Family;
  readonly fitted: Fitted;
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

/** Standard deviation of the logarithm of the loss over seeds, from all groups that differ by seed alone. */
function noiseOf(rows: readonly GridRow[]): number | undefined {
  const groups = Map.groupBy(
    rows.filter(({ outcome }) => outcome.loss !== undefined),
    ({ family, parameters, outcome, learningRate }) =>
      [family, parameters, outcome.tokens, learningRate].join(' '),
  );
  let [squares, freedom] = [0, 0];
  for (const group of groups.values()) {
    const losses = [...new Map(group.map((row) => [row.seed, Math.log(row.outcome.loss!)])).values()];
    if (losses.length < 2) continue;
    const { mean } = estimateOf(losses);
    squares += losses.reduce((sum, loss) => sum + (loss - mean) ** 2, 0);
    freedom += losses.length - 1;
  }
  return freedom > 0 ? Math.sqrt(squares / freedom) : undefined;
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
        Math.abs(row.outcome.tokens / tokens - 1) < 0.1 &&
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

interface EqualRow {
  readonly parameters: number;
  readonly tokens: number;
  readonly times: Band;
  /** Of weights, at the bits in which each family's are kept. */
  readonly bytes: number | undefined;
}

/** At each size and number of tokens of the second family: what the first one needs for its loss. */
function equalOf({ families, rows }: GridResults, fits: readonly FamilyFit[]): EqualRow[] {
  const [first, second] = families.map((family) => fits.find((fit) => fit.family === family));
  if (!first || !second) return [];
  const bits = [first, second].map(({ family }) => weightBits[family.name]);
  const largest = Math.max(...bestOf(rows, first.family).map(({ parameters }) => parameters));
  return bestOf(rows, second.family).flatMap(({ parameters, outcome: { tokens } }) => {
    const times = parametersAtEqualLoss(first.fitted, second.fitted, { parameters, tokens });
    // No further than what was trained.
    if (!times || times.value * parameters > largest) return [];
    const bytes = bits[0] && bits[1] ? (times.value * bits[0]) / bits[1] : undefined;
    return [{ parameters, tokens, times, bytes }];
  });
}

function equalTable(results: GridResults, fits: readonly FamilyFit[]): Table | undefined {
  const found = equalOf(results, fits);
  const [first, second] = results.families;
  if (found.length === 0 || !first || !second) return undefined;
  return {
    title: `What ${first.label} needs for the loss of ${second.label} with as many tokens`,
    columns: [
      `${second.label}`,
      'tokens',
      'parameters and operations, times',
      '95 of 100 samples',
      'bytes of weights, times',
    ],
    rows: found.map(({ parameters, tokens, times, bytes }) => [
      formatCount(parameters),
      formatCount(tokens),
      times.value.toFixed(2),
      `${times.low.toFixed(2)} to ${Number.isFinite(times.high) ? times.high.toFixed(2) : 'any'}`,
      bytes?.toFixed(2) ?? '',
    ]),
  };
}

function residualTable(fits: readonly FamilyFit[]): Table {
  return {
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
  };
}

/** A colour nearer to white. */
function shade(color: string, share: number): string {
  const channels = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
  return `#${channels
    .map((value) =>
      Math.round(value + (255 - value) * 0.7 * share)
        .toString(16)
        .padStart(2, '0'),
    )
    .join('')}`;
}
