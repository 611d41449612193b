/** Measures the effect of each part of the recipe: the form of the MLGRU, the lower bound, the learning rate. */
import { formatCount } from '../../format.ts';
import type { MatMulFreeConfig, ModelConfig } from '../../model/config.ts';
import { matmulFree } from '../families.ts';
import { matrixParameters } from '../scaling/flops.ts';
import { type Rung, shapeOf } from '../scaling/ladder.ts';
import { settingsFor } from '../scaling/trainingPlan.ts';
import type { Report, Study, StudyContext } from '../study.ts';
import { type Corpus, prepareCorpus, type TrainingOutcome, train } from '../training.ts';
import { Pace } from '../trainingTime.ts';
import { ratesFigure, ratesOf } from './ratesFigure.ts';

interface Plan {
  readonly rung: Rung;
  readonly vocabulary: number;
  readonly tokens: number;
  readonly batch: number;
  readonly length: number;
  readonly rates: readonly number[];
}

const fullPlan: Plan = {
  rung: { layers: 3, hiddenSize: 160 },
  ...{ vocabulary: 2048, tokens: 12e6, batch: 64, length: 256 },
  // The paper: up to 1e-2 helps, above 2e-2 is unstable. Those near the best come first.
  rates: [1e-2, 2e-2, 5e-3, 4e-2],
};

const quickPlan: Plan = {
  rung: { layers: 2, hiddenSize: 64 },
  ...{ vocabulary: 512, tokens: 60_000, batch: 8, length: 64 },
  rates: [5e-3, 2e-2, 8e-2],
};

export interface Variant {
  readonly name: string;
  readonly label: string;
  readonly color: string;
  readonly change: Partial<Pick<MatMulFreeConfig, 'variant' | 'useLowerBound'>>;
}

const variants: readonly Variant[] = [
  { name: 'released', label: 'released form', color: '#2166ac', change: {} },
  {
    name: 'no-bound',
    label: 'released form, no lower bound',
    color: '#5aae61',
    change: { useLowerBound: false },
  },
  {
    name: 'paper',
    label: "paper's form",
    color: '#d95f02',
    change: { variant: 'paper', useLowerBound: false },
  },
];

export interface AblationRow {
  readonly variant: string;
  readonly learningRate: number;
  readonly outcome: TrainingOutcome;
}

export const ablation: Study = {
  name: 'ablation',
  trains: true,
  spreads: true,
  async plan(context) {
    return (await casesOf(context)).cases.map(({ name, timed }) => ({
      name,
      what: `${formatCount(matrixParameters(timed.config))} parameters, ${timed.settings.steps} steps`,
      seconds: new Pace().estimate(timed),
    }));
  },
  async carryOut(context) {
    const { plan, corpus, base, cases } = await casesOf(context);
    const { tokens, vocabulary } = corpus;
    const pace = new Pace();
    const rows: AblationRow[] = [];
    const tried = cases.map(async ({ name, variant, learningRate, timed }) => {
      const { config, settings } = timed;
      const outcome = await context.run(
        name,
        { config, settings, corpus: { tokens, vocabulary } },
        (folder) => train(folder, config, settings, corpus, context),
        pace.estimate(timed),
      );
      if (outcome.failure === undefined) pace.learn(timed, outcome.seconds);
      rows.push({ variant, learningRate, outcome });
      await context.publish(reportOf(rows, plan, corpus, matrixParameters(base)));
    });
    await Promise.all(tried);
  },
};

/** Rate by rate, so that an unfinished study compares what it has. */
async function casesOf(context: StudyContext) {
  const { quick, seed } = context.options;
  const plan = quick ? quickPlan : fullPlan;
  const corpus = await prepareCorpus(context, plan.vocabulary);
  const base = matmulFree.config(shapeOf(plan.rung, corpus.vocabulary));
  const tokens = Math.min(plan.tokens, corpus.tokens);
  const cases = plan.rates.flatMap((learningRate) =>
    variants.map(({ name: variant, change }) => {
      const config: ModelConfig = { ...base, ...change };
      const settings = settingsFor(matmulFree, { ...plan, tokens, learningRate, seed });
      const timed = { family: matmulFree, config, settings };
      return { name: `${variant}-${learningRate}`, variant, learningRate, timed };
    }),
  );
  return { plan, corpus, base, cases };
}

function reportOf(rows: readonly AblationRow[], plan: Plan, corpus: Corpus, parameters: number): Report {
  const { rung, batch, length } = plan;
  const millions = (count: number) => `${(count / 1e6).toPrecision(3)} M`;
  const tokens = Math.max(...rows.map(({ outcome }) => outcome.tokens));
  return {
    title: 'Forms of the MLGRU, the lower bound, learning rates',
    text: [
      `${rung.layers} layers of width ${rung.hiddenSize}, ${millions(parameters)} parameters in matrices, ` +
        `${millions(tokens)} tokens of a corpus of ${millions(corpus.tokens)}, ${batch} × ${length} a step, the ` +
        "paper's schedule. Loss is that of windows kept out of training, in nats a token. Each figure is one run " +
        'with one seed: small differences mean little.',
      ...variants.flatMap(({ name, label }) => bestOf(rows, name, label)),
    ],
    tables: [ratesTable(rows)],
    figures: [
      {
        name: 'rates',
        caption: 'Loss on text kept out by peak learning rate; runs that diverged are not drawn.',
        svg: ratesFigure('Loss by learning rate and form', variants, rows),
      },
    ],
    data: { plan, corpus, rows },
  };
}

/** From low to high. */
function ratesTable(rows: readonly AblationRow[]) {
  const rates = ratesOf(rows);
  const cell = (name: string, rate: number) => {
    const row = rows.find((one) => one.variant === name && one.learningRate === rate);
    return row ? (row.outcome.loss?.toFixed(4) ?? 'diverged') : '';
  };
  return {
    title: 'Loss by learning rate',
    columns: ['form', ...rates.map(String)],
    rows: variants.map(({ name, label }) => [label, ...rates.map((rate) => cell(name, rate))]),
  };
}

function bestOf(rows: readonly AblationRow[], variant: string, label: string): string[] {
  const own = rows.filter((row) => row.variant === variant && row.outcome.loss !== undefined);
  if (own.length === 0) return [];
  const best = own.reduce((one, other) => (other.outcome.loss! < one.outcome.loss! ? other : one));
  return [`Best of the ${label}: ${best.outcome.loss!.toFixed(4)} at ${best.learningRate}.`];
}
