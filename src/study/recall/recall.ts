/**
 * Where a state of fixed size must lose: associative recall by the number of pairs, and the loss of text by position in
 * the window, which attention lowers as long as the text continues.
 */
import { join } from 'node:path';
import { formatCount } from '../../format.ts';
import type { Run } from '../../train/run.ts';
import { seedsOf, type TextPlan } from '../arms/armPlan.ts';
import { type Arm, type ArmRow, compareArms } from '../arms/arms.ts';
import { type LabelScore, lossByPosition, type PositionLoss, scoreValidation } from '../measureTokens.ts';
import { armOf, type FormName } from '../rounding/roundingArms.ts';
import { matrixParameters } from '../scaling/flops.ts';
import type { Rung } from '../scaling/ladder.ts';
import { settingsFor } from '../scaling/trainingPlan.ts';
import type { Study, StudyContext } from '../study.ts';
import { prepareCorpus, type TrainingOutcome, train } from '../training.ts';
import { recallCorpus, recallLength, recallVocabulary } from './mqar.ts';
import { recallReport } from './recallReport.ts';

export interface RecallPlan {
  readonly recall: {
    readonly rung: Rung;
    readonly pairs: readonly number[];
    readonly keys: number;
    readonly steps: number;
    /** Tokens of a step. */
    readonly tokens: number;
    readonly seeds: number;
  };
  readonly text: TextPlan;
}

const fullPlan: RecallPlan = {
  recall: {
    rung: { layers: 2, hiddenSize: 128 },
    pairs: [4, 16],
    keys: 32,
    steps: 4000,
    tokens: 4096,
    seeds: 2,
  },
  text: {
    rung: { layers: 4, hiddenSize: 192 },
    ...{ vocabulary: 2048, tokens: 1000 * 16_384, batch: 16, length: 1024, seeds: 1 },
  },
};

const quickPlan: RecallPlan = {
  recall: { rung: { layers: 1, hiddenSize: 32 }, pairs: [2], keys: 8, steps: 30, tokens: 256, seeds: 2 },
  text: {
    rung: { layers: 1, hiddenSize: 32 },
    ...{ vocabulary: 512, tokens: 20 * 512, batch: 4, length: 128, seeds: 1 },
  },
};

/** Attention, and both recurrences. */
const names: readonly FormName[] = ['mlgru', 'transformer', 'bitNet', 'rwkv', 'floatMlgru'];

export interface RecallOutcome extends TrainingOutcome {
  /** Share of the values that the model holds most probable. */
  readonly accuracy?: number;
}

export interface TextOutcome extends TrainingOutcome {
  readonly positions?: readonly PositionLoss[];
}

export interface RecallResults {
  readonly plan: RecallPlan;
  readonly arms: readonly Arm[];
  /** By number of pairs. */
  readonly recall: ReadonlyMap<number, readonly ArmRow<RecallOutcome>[]>;
  readonly text: readonly ArmRow<TextOutcome>[];
  /** Of the first arm's matrices, for recall and for text. */
  readonly parameters: { readonly recall: number; readonly text: number };
}

export const recall: Study = {
  name: 'recall',
  trains: true,
  spreads: true,
  async plan({ options }) {
    const { recall, text } = options.quick ? quickPlan : fullPlan;
    return [
      ...recall.pairs.flatMap((pairs) =>
        names.map((name) => ({
          name: `${name}, ${pairs} pairs`,
          what: `${recall.steps} steps`,
          seconds: 30,
        })),
      ),
      ...names.map((name) => ({ name: `${name}, text`, what: formatCount(text.tokens), seconds: 60 })),
    ];
  },
  async carryOut(context) {
    const plan = context.options.quick ? quickPlan : fullPlan;
    const arms = {
      recall: armsOf(plan.recall.rung),
      // Text at the middle rate of each: its losses are compared by position, not as a whole.
      text: armsOf(plan.text.rung).map((arm) => ({ ...arm, rates: [arm.rates[1]!] })),
    };
    const parameters = {
      recall: matrixParameters(arms.recall[0]!.config(recallVocabulary)),
      text: matrixParameters(arms.text[0]!.config(plan.text.vocabulary)),
    };
    const byPairs = new Map<number, readonly ArmRow<RecallOutcome>[]>();
    let text: readonly ArmRow<TextOutcome>[] = [];
    const publish = () =>
      context.publish(recallReport({ plan, arms: arms.recall, recall: byPairs, text, parameters }));
    // Text first: its few runs say where in a text attention wins, whatever becomes of recall.
    const texts = compareArms(
      arms.text,
      seedsOf(context, plan.text.seeds),
      await textRun(context, plan),
      (rows) => {
        text = rows;
        return publish();
      },
    );
    const recalls = plan.recall.pairs.map((pairs) =>
      compareArms(
        arms.recall,
        seedsOf(context, plan.recall.seeds),
        recallRun(context, plan, pairs),
        (rows) => {
          byPairs.set(pairs, rows);
          return publish();
        },
      ),
    );
    await Promise.all([texts, ...recalls]);
  },
};

function armsOf(rung: Rung): Arm[] {
  return names.map((name) => armOf(name, rung));
}

/** Trains on fresh sequences of so many pairs, and counts the values recalled in sequences kept out. */
function recallRun(context: StudyContext, { recall }: RecallPlan, pairs: number) {
  const length = recallLength(pairs);
  const batch = Math.max(1, Math.floor(recall.tokens / length));
  // Each sequence is read once; those of validation come on top.
  const sequences = (recall.steps + 2) * batch + 2 * batch;
  const given = { pairs, keys: recall.keys, sequences, seed: context.options.seed };
  const home = join(context.folder, `recall-${pairs}-${recall.keys}-${sequences}-${given.seed}`);
  return (arm: Arm, learningRate: number, seed: number): Promise<RecallOutcome> => {
    const config = arm.config(recallVocabulary);
    const training = { schedule: 'cosine' } as const;
    const tokens = recall.steps * batch * length;
    const base = settingsFor({ training }, { tokens, batch, length, learningRate, seed });
    const settings = { ...base, finalFraction: 0, validation: 2 * batch };
    const name = `pairs${pairs}-${arm.name}-${learningRate}-seed${seed}`;
    return context.run(name, { config, settings, task: given }, async (folder) => {
      const corpus = { folder: await recallCorpus(home, given, context.signal) };
      return train(folder, config, settings, corpus, context, async (run: Run) => ({
        accuracy: shareRecalled(await scoreValidation(run, context.signal), pairs),
      }));
    });
  };
}

/** Of the sequences that tell all pairs before they ask. */
function shareRecalled(scores: readonly LabelScore[], pairs: number): number {
  const whole = [...Map.groupBy(scores, ({ window }) => window).values()]
    .filter((labels) => Math.min(...labels.map(({ position }) => position)) > 2 * pairs)
    .flat();
  return whole.filter(({ greedy }) => greedy).length / Math.max(1, whole.length);
}

async function textRun(context: StudyContext, { text }: RecallPlan) {
  const corpus = await prepareCorpus(context, text.vocabulary);
  const { tokens, vocabulary } = corpus;
  return (arm: Arm, learningRate: number, seed: number): Promise<TextOutcome> => {
    const config = arm.config(vocabulary);
    const training = { schedule: 'cosine' } as const;
    const settings = {
      ...settingsFor({ training }, { ...text, learningRate, seed }),
      ...{ finalFraction: 0, validation: 128 },
    };
    return context.run(
      `text-${arm.name}-${learningRate}-seed${seed}`,
      { config, settings, corpus: { tokens, vocabulary } },
      (folder) =>
        train(folder, config, settings, corpus, context, async (run: Run) => ({
          positions: lossByPosition(await scoreValidation(run, context.signal)),
        })),
    );
  };
}
