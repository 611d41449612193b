/**
 * Arms of a comparison: variants that are trained alike. The learning rate of each is searched with the first seed; the
 * other seeds then train at the best rate.
 */
import type { ModelConfig } from '../../model/config.ts';
import type { TrainingChoices } from '../../train/settings.ts';
import { bestOf, searchRates } from '../scaling/rates.ts';
import type { TrainingOutcome } from '../training.ts';

export interface Arm {
  /** Used in the names of runs. */
  readonly name: string;
  readonly label: string;
  readonly color: string;
  config(vocabulary: number): ModelConfig;
  /** The rates to begin with, each twice the one before. */
  readonly rates: readonly number[];
  /** What it trains with, other than the study does. */
  readonly settings?: TrainingChoices;
}

export interface ArmRow<O extends TrainingOutcome = TrainingOutcome> {
  readonly arm: string;
  readonly learningRate: number;
  readonly seed: number;
  readonly outcome: O;
}

/** Trains an arm once. */
export type RunArm<O extends TrainingOutcome> = (arm: Arm, learningRate: number, seed: number) => Promise<O>;

/** Runs the search of every arm, then the other seeds. `onRow` is called after each run with all rows so far. */
export async function compareArms<O extends TrainingOutcome>(
  arms: readonly Arm[],
  seeds: readonly number[],
  run: RunArm<O>,
  onRow: (rows: readonly ArmRow<O>[]) => Promise<void>,
): Promise<void> {
  const rows: ArmRow<O>[] = [];
  const one = async (arm: Arm, learningRate: number, seed: number): Promise<number> => {
    const outcome = await run(arm, learningRate, seed);
    rows.push({ arm: arm.name, learningRate, seed, outcome });
    await onRow(rows);
    return outcome.loss ?? Number.POSITIVE_INFINITY;
  };
  const [first = 1, ...others] = seeds;
  const wholes = arms.map(async (arm) => {
    const trials = await searchRates(arm.rates, (rate) => one(arm, rate, first));
    const best = bestOf(trials);
    if (Number.isFinite(best.loss)) await Promise.all(others.map((seed) => one(arm, best.rate, seed)));
  });
  await Promise.all(wholes);
}

/** The rows of an arm at the rate that was best with the first seed. */
export function bestRows<O extends TrainingOutcome>(
  rows: readonly ArmRow<O>[],
  arm: string,
): readonly ArmRow<O>[] {
  const own = rows.filter((row) => row.arm === arm);
  const first = Math.min(...own.map(({ seed }) => seed));
  const trials = own
    .filter(({ seed, outcome }) => seed === first && outcome.loss !== undefined)
    .map(({ learningRate, outcome }) => ({ rate: learningRate, loss: outcome.loss! }));
  if (trials.length === 0) return [];
  const { rate } = bestOf(trials);
  return own.filter(({ learningRate, outcome }) => learningRate === rate && outcome.loss !== undefined);
}
