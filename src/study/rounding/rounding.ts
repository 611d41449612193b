/**
 * What rounding costs: attention with ternary queries and keys beside attention with float scores and the MLGRU (the
 * paper: it does not converge), and {ternary, float} weights × {MLGRU, attention}, which tells the loss from rounding
 * weights from the loss from the recurrence.
 */
import { formatCount } from '../../format.ts';
import { seedsOf, type TextPlan } from '../arms/armPlan.ts';
import { compareArms } from '../arms/arms.ts';
import { matrixParameters } from '../scaling/flops.ts';
import { settingsFor } from '../scaling/trainingPlan.ts';
import type { Study, StudyContext } from '../study.ts';
import { prepareCorpus, train } from '../training.ts';
import { armOf, type FormName } from './roundingArms.ts';
import { roundingReport } from './roundingReport.ts';

/** 2.2 million parameters in matrices: 1,000 steps of 16,384 tokens. */
const fullPlan: TextPlan = {
  rung: { layers: 4, hiddenSize: 192 },
  ...{ vocabulary: 2048, tokens: 1000 * 16_384, batch: 64, length: 256, seeds: 3 },
};

const quickPlan: TextPlan = {
  rung: { layers: 1, hiddenSize: 32 },
  ...{ vocabulary: 512, tokens: 30 * 512, batch: 8, length: 64, seeds: 2 },
};

/** The paper's claim first, so that an unfinished study has it. */
const names: readonly FormName[] = [
  ...(['mlgru', 'bitNet', 'ternaryScores'] as const),
  ...(['transformer', 'floatMlgru', 'ternaryLlama'] as const),
];

export const rounding: Study = {
  name: 'rounding',
  about: 'ternary queries and keys; ternary and float weights under the MLGRU and attention',
  trains: true,
  spreads: true,
  async plan(context) {
    const { arms, vocabulary, parameters } = await partsOf(context);
    return arms.flatMap((arm) =>
      arm.rates.map((rate) => ({
        name: `${arm.name}-${rate}`,
        what: `${formatCount(parameters)} parameters, vocabulary of ${vocabulary}`,
        seconds: secondsOfRun,
      })),
    );
  },
  async carryOut(context) {
    const { plan, arms, corpus, vocabulary, parameters } = await partsOf(context);
    await compareArms(
      arms,
      seedsOf(context, plan.seeds),
      (arm, learningRate, seed) => {
        const config = arm.config(vocabulary);
        // The same schedule for all, down to zero: nothing but the arm differs.
        const training = { schedule: 'cosine' } as const;
        const settings = {
          ...settingsFor({ training }, { ...plan, learningRate, seed }),
          finalFraction: 0,
        };
        const { tokens } = corpus;
        return context.run(
          `${arm.name}-${learningRate}-seed${seed}`,
          { config, settings, corpus: { tokens, vocabulary } },
          (folder) => train(folder, config, settings, corpus, context),
          secondsOfRun,
        );
      },
      (rows) => context.publish(roundingReport({ plan, corpus, arms, rows, parameters })),
    );
  },
};

/** On one H100. */
const secondsOfRun = 16;

async function partsOf(context: StudyContext) {
  const plan = context.options.quick ? quickPlan : fullPlan;
  const corpus = await prepareCorpus(context, plan.vocabulary);
  const arms = names.map((name) => armOf(name, plan.rung));
  const parameters = matrixParameters(arms[0]!.config(corpus.vocabulary));
  return { plan, arms, corpus, vocabulary: corpus.vocabulary, parameters };
}
