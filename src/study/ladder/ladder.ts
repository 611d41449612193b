/**
 * The loss by parameters and by training tokens, 1 to 39 million parameters on a grid: what a family needs for the same
 * loss as another one, in parameters, operations and bytes, and how that changes with size.
 */
import { formatCount } from '../../format.ts';
import { type Family, matmulFree, transformer } from '../families.ts';
import { matrixParameters, trainingFlops } from '../scaling/flops.ts';
import { shapeOf } from '../scaling/ladder.ts';
import { bestOf, optimumOf, type RateRule, rateFor, rateRule, searchRates } from '../scaling/rates.ts';
import { settingsFor } from '../scaling/trainingPlan.ts';
import type { Study, StudyContext } from '../study.ts';
import { type Corpus, prepareCorpus, train } from '../training.ts';
import { Pace } from '../trainingTime.ts';
import { cellsOf, type GridPlan, type GridRow, type PlannedCell } from './grid.ts';
import { ladderReport } from './ladderReport.ts';

const fullPlan: GridPlan = {
  rungs: [
    { layers: 3, hiddenSize: 160 },
    { layers: 6, hiddenSize: 256 },
    { layers: 8, hiddenSize: 320 },
    { layers: 11, hiddenSize: 384 },
    { layers: 12, hiddenSize: 512 },
  ],
  searched: [1, 3],
  tokens: [1000, 2000, 4000].map((steps) => steps * 16_384),
  ...{ seeds: 3, vocabulary: 2048, batch: 64, length: 256 },
};

const quickPlan: GridPlan = {
  rungs: [
    { layers: 1, hiddenSize: 32 },
    { layers: 2, hiddenSize: 48 },
    { layers: 2, hiddenSize: 64 },
  ],
  searched: [0, 1],
  tokens: [30, 60].map((steps) => steps * 512),
  ...{ seeds: 2, vocabulary: 512, batch: 8, length: 64 },
};

export const ladder: Study = {
  name: 'ladder',
  trains: true,
  families: [matmulFree, transformer],
  spreads: true,
  async plan(context) {
    const { plan, families } = partsOf(context);
    const { vocabulary } = await prepareCorpus(context, plan.vocabulary);
    const pace = new Pace();
    return families.flatMap((family) =>
      plan.tokens.flatMap((tokens) =>
        plan.rungs.map((rung) => {
          const config = family.config(shapeOf(rung, vocabulary));
          const settings = settingsFor(family, { ...plan, tokens, learningRate: 1e-3, seed: 1 });
          return {
            name: `${family.name} ${rung.layers} × ${rung.hiddenSize}`,
            what: `${formatCount(matrixParameters(config))} parameters, ${formatCount(tokens)} tokens`,
            seconds: pace.estimate({ family, config, settings }),
          };
        }),
      ),
    );
  },
  async carryOut(context) {
    const { plan, families } = partsOf(context);
    const corpus = await prepareCorpus(context, plan.vocabulary);
    const rows: GridRow[] = [];
    const rules = new Map<Family, RateRule>();
    const run = async (cell: Cell): Promise<number> => {
      const row = await rowOf(context, plan, corpus, cell);
      rows.push(row);
      const rates = [...rules].map(([{ name }, rule]) => ({ family: name, ...rule }));
      await context.publish(() => ladderReport({ plan, corpus, families, rows, rates }));
      return row.outcome.loss ?? Number.POSITIVE_INFINITY;
    };
    await Promise.all(families.map((family) => searchFamily(family, plan, run, rules, context.options.seed)));
    await Promise.all(
      cellsOf(plan, families, context.options.seed).map((cell) =>
        run({ ...cell, rate: rateFor(rules.get(cell.family)!, cell.rung.hiddenSize), search: false }),
      ),
    );
  },
};

interface Cell extends PlannedCell {
  readonly rate: number;
  readonly search: boolean;
}

function partsOf({ options }: Pick<StudyContext, 'options'>) {
  const families = options.families ?? ladder.families!;
  return { plan: options.quick ? quickPlan : fullPlan, families };
}

/** Finds the best rates at two sizes, and with them the rule for all sizes. */
async function searchFamily(
  family: Family,
  { rungs, searched, tokens }: GridPlan,
  run: (cell: Cell) => Promise<number>,
  rules: Map<Family, RateRule>,
  seed: number,
): Promise<void> {
  const optima = await Promise.all(
    searched.map(async (place) => {
      const rung = rungs[place]!;
      const trials = await searchRates(
        family.training.rates.map((rate) => rate / 2),
        (rate) => run({ family, rung, tokens: tokens[0]!, rate, seed, search: true }),
      );
      const rate = Number.isFinite(bestOf(trials).loss) ? optimumOf(trials) : trials[0]!.rate;
      return { width: rung.hiddenSize, rate };
    }),
  );
  rules.set(family, rateRule(optima[0]!, optima[1]));
}

async function rowOf(context: StudyContext, plan: GridPlan, corpus: Corpus, cell: Cell): Promise<GridRow> {
  const { family, rung, tokens, seed, search } = cell;
  const learningRate = Number(cell.rate.toPrecision(3));
  const config = family.config(shapeOf(rung, corpus.vocabulary));
  const settings = settingsFor(family, { ...plan, tokens, learningRate, seed });
  const millions = Math.round(tokens / 1e6);
  const outcome = await context.run(
    `${family.name}-${rung.layers}x${rung.hiddenSize}-${millions}M-${learningRate}-seed${seed}`,
    { config, settings, corpus: { tokens: corpus.tokens, vocabulary: corpus.vocabulary } },
    (folder) => train(folder, config, settings, corpus, context),
  );
  const flops = trainingFlops(family, config, { tokens: outcome.tokens, length: settings.length });
  const parameters = matrixParameters(config);
  return { family: family.name, rung, parameters, flops, learningRate, seed, search, outcome };
}
