import { describe, expect, it } from 'vitest';
import { rateAt, type Schedule } from './schedule.ts';

const base: Schedule = {
  schedule: 'cosine',
  learningRate: 2,
  warmup: 0,
  finalFraction: 0.1,
  steps: 100,
};
const rates = (schedule: Schedule) => Array.from({ length: schedule.steps }, (_, k) => rateAt(k, schedule));

describe('learning rates', () => {
  it('climbs in a straight line during warm-up, and its last step has the peak', () => {
    const warm = rates({ ...base, schedule: 'constant', warmup: 4 });
    expect(warm.slice(0, 6)).toEqual([0.5, 1, 1.5, 2, 2, 2]);
  });

  it('cosine starts at the peak, passes the mean midway and ends at its fraction', () => {
    expect(rateAt(0, base)).toBe(2);
    expect(rateAt(50, base)).toBeCloseTo(1.1);
    expect(rateAt(100, base)).toBeCloseTo(0.2);
    expect(rates(base)).toEqual(rates(base).toSorted((a, b) => b - a));
  });

  it('matmulfree is a cosine to zero that is halved from the middle on', () => {
    const schedule = { ...base, schedule: 'matmulfree' } as const;
    const cosine = { ...base, finalFraction: 0 };
    for (let step = 0; step < 50; step++) expect(rateAt(step, schedule)).toBe(rateAt(step, cosine));
    for (let step = 50; step < 100; step++) expect(rateAt(step, schedule)).toBe(rateAt(step, cosine) / 2);
    expect(rateAt(49, schedule) / rateAt(50, schedule)).toBeGreaterThan(2);
    expect(rateAt(99, schedule)).toBeGreaterThan(0); // the last update is not wasted
    expect(rateAt(100, schedule)).toBeCloseTo(0);
  });

  it('stays finite where warm-up fills the run, or the run has one step', () => {
    expect(rates({ ...base, warmup: 100 }).every((rate) => rate > 0 && rate <= 2)).toBe(true);
    expect(rateAt(0, { ...base, steps: 1 })).toBe(2);
  });
});
