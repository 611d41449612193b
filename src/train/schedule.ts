/** Learning rates over a run, as pure functions of the step: a resumed run needs no saved schedule. */

export const scheduleNames = ['matmulfree', 'cosine', 'constant'] as const;

export type ScheduleName = (typeof scheduleNames)[number];

export interface Schedule {
  readonly schedule: ScheduleName;
  /** The rate after warm-up. */
  readonly learningRate: number;
  /** Steps in which the rate climbs in a straight line to its peak; 0: none. */
  readonly warmup: number;
  /** Where `cosine` ends, as a fraction of the peak. */
  readonly finalFraction: number;
  /** Steps of the whole run. */
  readonly steps: number;
}

/**
 * The learning rate of step 0 … steps − 1. Decaying schedules meet their final value at `steps`, one past the
 * last step, since an update of rate zero would be wasted.
 */
export function rateAt(step: number, schedule: Schedule): number {
  const { learningRate, warmup, steps } = schedule;
  if (step < warmup) return (learningRate * (step + 1)) / warmup;
  const progress = Math.min(1, (step - warmup) / Math.max(1, steps - warmup));
  return learningRate * decay(schedule, progress, step >= steps / 2);
}

function decay({ schedule, finalFraction }: Schedule, progress: number, secondHalf: boolean): number {
  const cosine = (1 + Math.cos(Math.PI * progress)) / 2;
  if (schedule === 'constant') return 1;
  if (schedule === 'cosine') return finalFraction + (1 - finalFraction) * cosine;
  // The paper's recipe: a cosine down to zero, and half of it from the middle of the run on.
  return secondHalf ? cosine / 2 : cosine;
}
