/** Training settings of an experiment. */
import { parseSettings, type TrainingSettings } from '../../train/settings.ts';
import type { Family } from '../families.ts';

export interface TrainingPlan {
  readonly tokens: number;
  readonly batch: number;
  readonly length: number;
  readonly learningRate: number;
  readonly seed: number;
}

/** The paper's schedule of the family, warm-up over a fiftieth of the run, five checkpoints and ten validations. */
export function settingsFor(
  { training }: { readonly training: Pick<Family['training'], 'schedule'> },
  plan: TrainingPlan,
): TrainingSettings {
  const { batch, length, learningRate, seed } = plan;
  const steps = Math.max(20, Math.round(plan.tokens / (batch * length)));
  return parseSettings({
    ...{ steps, batch, length, learningRate, seed },
    schedule: training.schedule,
    warmup: Math.ceil(steps / 50),
    weightDecay: 0.01,
    validation: 256,
    validateEvery: Math.ceil(steps / 10),
    saveEvery: Math.ceil(steps / 5),
  });
}
