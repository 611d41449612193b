import fc from 'fast-check';
import { parseHTML } from 'linkedom';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../text/seededRandom.ts';
import { matmulFree } from '../families.ts';
import { matrixParameters, trainingFlops } from './flops.ts';
import { fullLadder, shapeOf, tokensFor } from './ladder.ts';
import { bandAt, type Crossing, crossingOf, fitPowerLaw, predict } from './powerLaw.ts';
import { scalingFigure } from './scalingFigure.ts';
import { describeCrossing } from './scalingReport.ts';

const xs = [1e14, 4e14, 1.5e15, 6e15, 2e16];
const law = (a: number, b: number, noise: (k: number) => number = () => 0) =>
  xs.map((x, k) => ({ x, y: a * x ** b * Math.exp(noise(k)) }));

describe('power laws', () => {
  it('are found exactly where there is no noise, with no doubt', () => {
    const property = fc.property(
      fc.double({ min: 1, max: 200, noNaN: true }),
      fc.double({ min: -0.3, max: -0.01, noNaN: true }),
      (a, b) => {
        const fit = fitPowerLaw(law(a, b), 1);
        expect(fit.slope).toBeCloseTo(b, 10);
        const { low, high } = bandAt(fit, 1e17);
        expect(high / low).toBeCloseTo(1, 8);
        expect(predict(fit, 1e17) / (a * 1e17 ** b)).toBeCloseTo(1, 8);
      },
    );
    fc.assert(property, { seed: 1, numRuns: 20 });
  });

  it('have bands that hold the truth about as often as they say', () => {
    const random = new SeededRandom(3);
    let held = 0;
    const trials = 200;
    for (let trial = 0; trial < trials; trial++) {
      const noise = random.fillNormal(new Float32Array(xs.length), 0.01);
      const fit = fitPowerLaw(
        law(30, -0.06, (k) => noise[k]!),
        trial,
      );
      const { low, high } = bandAt(fit, 1e15);
      const truth = 30 * 1e15 ** -0.06;
      held += low <= truth && truth <= high ? 1 : 0;
    }
    // Five points give a bootstrap too little to be exact: 95 of 100 in theory, rather less with so few.
    expect(held / trials).toBeGreaterThan(0.75);
  });

  it('will cross where they do', () => {
    // 40 x^-0.07 and 20 x^-0.05 meet at 2^50.
    const crossing = crossingOf(fitPowerLaw(law(40, -0.07), 1), fitPowerLaw(law(20, -0.05), 2), 2e14);
    expect(crossing.at! / 2 ** 50).toBeCloseTo(1, 6);
    expect(crossing).toMatchObject({
      ...{ kind: 'ahead', behind: 0, ahead: 1 },
      low: expect.closeTo(2 ** 50, -9),
      high: expect.closeTo(2 ** 50, -9),
    });
  });

  it('have crossed already, and still say where', () => {
    const crossing = crossingOf(fitPowerLaw(law(40, -0.07), 1), fitPowerLaw(law(20, -0.05), 2), 2e16);
    expect(crossing).toMatchObject({ kind: 'behind', behind: 1, ahead: 0 });
    expect(crossing.at! / 2 ** 50).toBeCloseTo(1, 6);
  });

  it('do not cross ahead if the upper one falls no faster, or so noisily that one cannot say', () => {
    const parallel = crossingOf(fitPowerLaw(law(40, -0.05), 1), fitPowerLaw(law(20, -0.05), 2), 2e16);
    // Lines of one slope: which falls faster is in the last bits.
    expect(parallel.behind).toBe(0);
    const slower = crossingOf(fitPowerLaw(law(40, -0.04), 1), fitPowerLaw(law(20, -0.05), 2), 2e16);
    expect(slower).toMatchObject({ kind: 'never', behind: 0, ahead: 0 });
    const noisy = (seed: number) => {
      const noise = new SeededRandom(seed).fillNormal(new Float32Array(xs.length), 0.03);
      return fitPowerLaw(
        law(seed === 1 ? 21 : 20, -0.05, (k) => noise[k]!),
        seed,
      );
    };
    expect(crossingOf(noisy(1), noisy(2), 2e16).kind).toBe('unclear');
  });
});

describe('the words for a crossing', () => {
  const [from, to] = [1e14, 2e16];
  const told = (kind: Crossing['kind'], at: number | undefined, shares = [0, 0]) =>
    describeCrossing(['A', 'B'], {
      crossing: {
        kind,
        behind: shares[0]!,
        ahead: shares[1]!,
        ...(at ? { at, low: at / 2, high: at * 2 } : {}),
      },
      ...{ from, to },
    });

  it('tell of lines that crossed within what was trained, and of one that was below all along', () => {
    expect(told('behind', 1e15, [0.99, 0])).toBe(
      'A is below B at the largest size trained (in 99 % of the bootstrap samples): the lines cross at 1.0e+15 ' +
        'operations, within what was trained. The paper has its families cross near 1e23.',
    );
    expect(told('behind', 1e10, [1, 0])).toContain('it is below at all sizes trained.');
    expect(told('behind', undefined, [1, 0])).toContain('it is below at all sizes trained.');
    expect(told('behind', 1e19, [1, 0])).toContain('it is below at all sizes trained.');
  });

  it('tell of lines that will cross, and how surely', () => {
    expect(told('ahead', 1e18, [0, 1])).toBe(
      'A is above B at the largest size trained, and falls faster: the lines cross at 1.0e+18 operations, in 95 of 100 ' +
        'bootstrap samples between 5.0e+17 and 2.0e+18. The paper has its families cross near 1e23.',
    );
  });

  it('tell of lines that do not cross', () => {
    expect(told('never', 1e10, [0, 0.01])).toBe(
      'No crossing within the band: A is above B at the largest size trained, and falls no faster, in 99 % of the ' +
        'bootstrap samples. The paper has its families cross near 1e23.',
    );
  });

  it('tell of lines of which one cannot say', () => {
    const text = told('unclear', 1e20, [0.1, 0.5]);
    expect(text).toContain(
      'No crossing can be told from the bands: A is below B at the largest size trained in 10 %',
    );
    expect(text).toContain('falls below further on in 50 %, and stays above in 40 %.');
  });
});

describe('operations of training', () => {
  it('are six for each weight of a matrix and token, and those of attention on top', () => {
    const config = matmulFree.config({ layers: 4, hiddenSize: 128, vocabSize: 512, intermediateSize: 352 });
    const parameters = 4 * (4 * 128 * 128 + 3 * 128 * 352) + 512 * 128;
    expect(matrixParameters(config)).toBe(parameters);
    const run = { tokens: 1000, length: 64 };
    expect(trainingFlops(matmulFree, config, run)).toBe(6 * parameters * 1000);
    const attention = 6 * 4 * 128 * 64 * 1000;
    expect(trainingFlops({ contextProducts: 1 }, config, run)).toBe(6 * parameters * 1000 + attention);
  });

  it('span a factor of 50 over the first five sizes, with 20 tokens a parameter at all of them', () => {
    const runs = fullLadder.rungs.slice(0, 5).map((rung) => {
      const parameters = matrixParameters(matmulFree.config(shapeOf(rung, fullLadder.vocabulary)));
      return { parameters, tokens: tokensFor(parameters, 5e7, fullLadder) };
    });
    const flops = runs.map(({ parameters, tokens }) => parameters * tokens);
    expect(flops).toHaveLength(5);
    expect(flops.at(-1)! / flops[0]!).toBeGreaterThan(50);
    for (const { parameters, tokens } of runs) expect(tokens / parameters).toBeGreaterThanOrEqual(20);
  });

  it('read a small corpus no more often than the ladder allows', () => {
    expect(tokensFor(1e6, 1e6, fullLadder)).toBe(4e6);
  });
});

describe('the scaling figure', () => {
  it('has points, lines and bands of both families, and round numbers between the powers of ten', () => {
    const series = [
      { label: 'one', color: 'red', points: law(40, -0.07), fit: fitPowerLaw(law(40, -0.07), 1) },
      { label: 'other', color: 'blue', points: law(20, -0.05).slice(0, 2), fit: undefined },
    ];
    const svg = scalingFigure('Scaling', series);
    const { document } = parseHTML(svg);
    expect(document.querySelectorAll('circle[r="4.5"]')).toHaveLength(7);
    const texts = [...document.querySelectorAll('text')].map((text) => text.textContent);
    expect(texts).toEqual(expect.arrayContaining(['Scaling', 'one', 'other', '4', '10¹⁵']));
    expect(svg).not.toMatch(/NaN|undefined/);
  });
});
