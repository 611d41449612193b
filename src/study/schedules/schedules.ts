/**
 * The learning-rate schedule: constant, a cosine to a tenth, a cosine to zero, and the paper's cosine to zero that is
 * halved midway. The paper reports an S-shaped loss curve: a last fall as the rate nears zero.
 */
import { formatCount } from '../../format.ts';
import type { TrainingChoices } from '../../train/settings.ts';
import { seedsOf, type TextPlan, trainArm } from '../arms/armPlan.ts';
import { type Arm, compareArms } from '../arms/arms.ts';
import { matmulFree } from '../families.ts';
import { matrixParameters } from '../scaling/flops.ts';
import { shapeOf } from '../scaling/ladder.ts';
import { settingsFor } from '../scaling/trainingPlan.ts';
import type { Study, StudyContext } from '../study.ts';
import { prepareCorpus } from '../training.ts';
import { schedulesReport } from './schedulesReport.ts';

interface Plan extends TextPlan {
  /** Validations of a run: enough to see the curve's shape. */
  readonly validations: number;
}

/** 2.2 million parameters in matrices: 1,000 steps of 16,384 tokens. */
const fullPlan: Plan = {
  rung: { layers: 4, hiddenSize: 192 },
  ...{ vocabulary: 2048, tokens: 1000 * 16_384, batch: 64, length: 256, seeds: 3, validations: 40 },
};

const quickPlan: Plan = {
  rung: { layers: 1, hiddenSize: 32 },
  ...{ vocabulary: 512, tokens: 40 * 512, batch: 8, length: 64, seeds: 2, validations: 8 },
};

type Form = Pick<Arm, 'name' | 'label' | 'color'> & { readonly settings: TrainingChoices };

const forms: readonly Form[] = [
  {
    name: 'paper',
    label: "cosine to zero, halved midway (the paper's)",
    color: '#2166ac',
    settings: { schedule: 'matmulfree' },
  },
  {
    name: 'cosine-zero',
    label: 'cosine to zero',
    color: '#5aae61',
    settings: { schedule: 'cosine', finalFraction: 0 },
  },
  {
    name: 'cosine-tenth',
    label: 'cosine to a tenth',
    color: '#d95f02',
    settings: { schedule: 'cosine', finalFraction: 0.1 },
  },
  { name: 'constant', label: 'constant', color: '#7b5ea7', settings: { schedule: 'constant' } },
];

export const schedules: Study = {
  name: 'schedules',
  trains: true,
  spreads: true,
  async plan(context) {
    const { arms, vocabulary } = await partsOf(context);
    return arms.flatMap((arm) =>
      arm.rates.map((rate) => ({
        name: `${arm.name}-${rate}`,
        what: `${formatCount(matrixParameters(arm.config(vocabulary)))} parameters`,
        seconds: secondsOfRun,
      })),
    );
  },
  async carryOut(context) {
    const { plan, arms, corpus, vocabulary } = await partsOf(context);
    await compareArms(
      arms,
      seedsOf(context, plan.seeds),
      (arm, learningRate, seed) => {
        const base = settingsFor(matmulFree, { ...plan, learningRate, seed });
        const validateEvery = Math.ceil(base.steps / plan.validations);
        const settings = { ...base, ...arm.settings, validateEvery };
        return trainArm(context, corpus, arm, settings, secondsOfRun);
      },
      (rows) => {
        const parameters = matrixParameters(arms[0]!.config(vocabulary));
        return context.publish(schedulesReport({ plan, corpus, arms, rows, parameters }));
      },
    );
  },
};

/** On one H100. */
const secondsOfRun = 18;

async function partsOf(context: StudyContext) {
  const plan = context.options.quick ? quickPlan : fullPlan;
  const corpus = await prepareCorpus(context, plan.vocabulary);
  const arms = forms.map(
    (form): Arm => ({
      ...form,
      config: (vocabulary) => matmulFree.config(shapeOf(plan.rung, vocabulary)),
      // The paper: up to 1e-2 helps, above 2e-2 is unstable.
      rates: [5e-3, 1e-2, 2e-2],
    }),
  );
  return { plan, arms, corpus, vocabulary: corpus.vocabulary };
}
