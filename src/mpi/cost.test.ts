import { describe, expect, it } from 'vitest';
import type { Report } from '../../bench/mpi.ts';
import type { Found } from '../../bench/mpiCase.ts';
import measured from '../../results/mpi-gpu.json' with { type: 'json' };
import { bytesOfExchange, efficiencyOf } from './cost.ts';

const cost = { parameters: 370e6, every: 1, computing: 0.4, bytesPerSecond: 1.25e9 };

describe('the cost of an exchange', () => {
  it('is nothing for one rank, and nearly eight bytes a parameter for many', () => {
    expect(bytesOfExchange(1000, 1)).toBe(0);
    expect(bytesOfExchange(1000, 2)).toBe(4000);
    expect(bytesOfExchange(1000, 1000)).toBe(7992);
    expect(efficiencyOf(cost, 1)).toBe(1);
  });

  it('falls with ranks, and less if they meet rarely or compute long', () => {
    expect(efficiencyOf(cost, 1024)).toBeLessThan(efficiencyOf(cost, 2));
    // 1.48 GB over 1.25 GB a second, beside 0.4 seconds of computing.
    expect(efficiencyOf(cost, 2)).toBeCloseTo(0.4 / (0.4 + 1.184), 6);
    expect(efficiencyOf({ ...cost, every: 10 }, 2)).toBeCloseTo(0.4 / (0.4 + 0.1184), 6);
    expect(efficiencyOf({ ...cost, computing: 4 }, 2)).toBeCloseTo(4 / (4 + 1.184), 6);
  });

  it('hides sums of gradients behind the backward pass, weights behind nothing', () => {
    const half = 0.592;
    const hiding = (seconds: number) => efficiencyOf({ ...cost, hiding: seconds }, 2);
    expect(hiding(0.2)).toBeCloseTo(0.4 / (0.4 + 2 * half - 0.2 + 0.75 * 0.2), 6);
    expect(hiding(0.592)).toBeCloseTo(0.4 / (0.4 + half + 0.75 * half), 6);
    expect(hiding(10)).toBe(hiding(0.592));
  });

  it('agrees with two H200 that exchange through NCCL', () => {
    const { found } = measured as Pick<Report, 'found'>;
    const [one, two] = found as [Found, Found];
    for (const { passes, tokensPerSecond, parameters } of two.measured) {
      const alone = one.measured.find((row) => row.passes === passes)!;
      // Of the whole: each card sends half of it.
      const bytesPerSecond = two.speeds.sumParts! / 2;
      const computing = alone.secondsPerStep;
      const predicted = efficiencyOf(
        { parameters, every: 1, computing, bytesPerSecond, hiding: computing / 2 },
        2,
      );
      const efficiency = tokensPerSecond / 2 / alone.tokensPerSecond;
      expect(Math.abs(predicted - efficiency), `${passes} passes`).toBeLessThan(0.02);
    }
  });
});
