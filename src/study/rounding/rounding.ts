/**
 * What rounding costs: attention with ternary queries and keys beside attention with float scores and the MLGRU (the
 * paper: it does not converge), and {ternary, float} weights × {MLGRU, attention}, which tells the loss from rounding
 * weights from the loss from the recurrence.
 */
import { formatCount } from '../../format.ts';
import { seedsOf, type TextPlan, trainArm } from '../arms/armPlan.ts';
import { compareArms } from '../arms/arms.ts';
import { matrixParameters } from '../scaling/flops.ts';
import { settingsFor } from '../scaling/trainingPlan.ts';
import type { Study, StudyContext } from '../study.ts';
import { prepareCorpus } from '../training.ts';
import { armOf, type FormName } from './roundingArms.ts';
import { roundingReport } from './roundingReport.ts';

/** 1,000 steps of 16,384 tokens, whatever the size. */
const tokens = { vocabulary: 2048, tokens: 1000 * 16_384, batch: 64, length: 256, seeds: 3 };

const quickPlan: TextPlan = {
  rung: { layers: 1, hiddenSize: 32 },
  ...{ vocabulary: 512, tokens: 30 * 512, batch: 8, length: 64, seeds: 2 },
};

interface RoundingStudy extends Pick<Study, 'name'> {
  readonly plan: TextPlan;
  /** The paper's claim first, so that an unfinished study has it. */
  readonly forms: readonly FormName[];
}

const claimed = ['mlgru', 'bitNet', 'ternaryScores'] as const;

/** 2.2 million parameters in matrices. */
export const rounding = studyOf({
  name: 'rounding',
  plan: { rung: { layers: 4, hiddenSize: 192 }, ...tokens },
  forms: [...claimed, 'transformer', 'floatMlgru', 'ternaryLlama'],
});

/** 10.6 million: whether a larger model changes the verdict on ternary queries and keys. */
export const rounding10M = studyOf({
  name: 'rounding-10m',
  plan: { rung: { layers: 8, hiddenSize: 320 }, ...tokens },
  forms: claimed,
});

function studyOf(study: RoundingStudy): Study {
  return {
    name: study.name,
    trains: true,
    spreads: true,
    plan: (context) => plannedRuns(study, context),
    carryOut: (context) => carryOut(study, context),
  };
}

async function plannedRuns(study: RoundingStudy, context: StudyContext) {
  const { arms, vocabulary, parameters } = await partsOf(study, context);
  return arms.flatMap((arm) =>
    arm.rates.map((rate) => ({
      name: `${arm.name}-${rate}`,
      what: `${formatCount(parameters)} parameters, vocabulary of ${vocabulary}`,
      seconds: secondsOfRun,
    })),
  );
}

async function carryOut(study: RoundingStudy, context: StudyContext): Promise<void> {
  const { plan, arms, corpus, parameters } = await partsOf(study, context);
  await compareArms(
    arms,
    seedsOf(context, plan.seeds),
    (arm, learningRate, seed) => {
      // The same schedule for all, down to zero: nothing but the arm differs.
      const training = { schedule: 'cosine' } as const;
      const settings = {
        ...settingsFor({ training }, { ...plan, learningRate, seed }),
        finalFraction: 0,
      };
      return trainArm(context, corpus, arm, settings, secondsOfRun);
    },
    (rows) => context.publish(roundingReport({ plan, corpus, arms, rows, parameters })),
  );
}

/** On one H100. */
const secondsOfRun = 16;

async function partsOf(study: RoundingStudy, context: StudyContext) {
  const plan = context.options.quick ? quickPlan : study.plan;
  const corpus = await prepareCorpus(context, plan.vocabulary);
  const arms = study.forms.map((name) => armOf(name, plan.rung));
  const parameters = matrixParameters(arms[0]!.config(corpus.vocabulary));
  return { plan, arms, corpus, vocabulary: corpus.vocabulary, parameters };
}
