/** What a comparison of arms on text consists of, and what its report is made from. */
import type { TrainingSettings } from '../../train/settings.ts';
import type { Rung } from '../scaling/ladder.ts';
import type { StudyContext } from '../study.ts';
import { type Corpus, type TrainingOutcome, train } from '../training.ts';
import type { Arm, ArmRow } from './arms.ts';

export interface TextPlan {
  readonly rung: Rung;
  readonly vocabulary: number;
  readonly tokens: number;
  readonly batch: number;
  readonly length: number;
  readonly seeds: number;
}

export interface ArmResults {
  readonly plan: TextPlan;
  readonly corpus: Corpus;
  readonly arms: readonly Arm[];
  readonly rows: readonly ArmRow[];
  /** In matrices of the first arm. */
  readonly parameters: number;
}

/** The study's seed and those after it. */
export function seedsOf({ options }: Pick<StudyContext, 'options'>, count: number): number[] {
  return Array.from({ length: count }, (_, k) => options.seed + k);
}

/**
 * Trains an arm on text, or takes what an earlier run with the same settings found.
 *
 * @param seconds that a run takes, about
 */
export function trainArm(
  context: StudyContext,
  corpus: Corpus,
  arm: Arm,
  settings: TrainingSettings,
  seconds: number,
): Promise<TrainingOutcome> {
  const { tokens, vocabulary } = corpus;
  const config = arm.config(vocabulary);
  return context.run(
    `${arm.name}-${settings.learningRate}-seed${settings.seed}`,
    { config, settings, corpus: { tokens, vocabulary } },
    (folder) => train(folder, config, settings, corpus, context),
    seconds,
  );
}
