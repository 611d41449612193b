import { describe, expect, it } from 'vitest';
import { compareScores, comparisonLines, pairedDifference, parseScores } from './compare.ts';
import { baselinesOf } from './metrics.ts';

const file = (values: readonly number[], first = 0) => ({
  model: 'm',
  tasks: [{ task: 'piqa', headline: 'acc_norm' }],
  scores: { piqa: values.map((acc_norm, k) => ({ item: first + k, metrics: { acc: 0, acc_norm } })) },
});

describe('a paired comparison', () => {
  it('takes the items that both files have, by their numbers', () => {
    const [one] = compareScores(file([1, 1, 0, 0]), file([1, 0, 1, 1], 1), 1);
    // Items 1, 2 and 3: 1, 0, 0 beside 1, 0, 1.
    expect(one).toMatchObject({ task: 'piqa', metric: 'acc_norm', items: 3, onlyFirst: 0, onlySecond: 1 });
    expect(one!.second - one!.first).toBeCloseTo(1 / 3, 12);
    expect(comparisonLines([one!]).join('\n')).toMatch(/piqa +acc_norm +3 +33\.3 +66\.7 +33\.3 +0\.0 to/);
    expect(() => compareScores(file([1]), file([1], 5), 1)).toThrow(
      'found no item that both files have, expected files of the same --limit and --seed',
    );
    const texts = { model: 'm', tasks: [{ task: 'text', headline: 'bits_per_byte' }], scores: {} };
    expect(() => compareScores(file([1]), texts, 1)).toThrow(
      'found piqa in the first file and text in the second, expected the same tasks',
    );
    expect(() => compareScores(texts, texts, 1)).toThrow(
      'found text, whose items are not right or wrong; expected a task of questions',
    );
  });

  it('has an interval narrower than that of unpaired models where they agree on most items', () => {
    // Both right on every second item; they differ on four of 200.
    const pairs = Array.from({ length: 200 }, (_, k): [number, number] =>
      k < 4 ? [0, 1] : k % 2 ? [1, 1] : [0, 0],
    );
    const { low, high, first, second } = pairedDifference(pairs, 1);
    expect(second - first).toBeCloseTo(0.02, 12);
    expect(low).toBeGreaterThanOrEqual(0);
    expect(high - low).toBeLessThan(0.05); // unpaired: four standard errors of 0.05
    expect(pairedDifference(pairs, 1)).toEqual(pairedDifference(pairs, 1));
    expect(
      pairedDifference(
        [
          [1, 1],
          [0, 0],
        ],
        3,
      ),
    ).toMatchObject({ low: 0, high: 0 });
  });

  it('says what is wrong with a file', () => {
    expect(() => parseScores({ model: 'm', tasks: [] }, 'a.json')).toThrow('a.json: scores');
    expect(() => parseScores([], 'a.json')).toThrow('expected what evaluate --out writes');
  });
});

it('baselines: guessing, and the place that is right most often', () => {
  const item = (gold: number | undefined, choices: number) => ({
    item: {
      where: 'here',
      requests: Array.from({ length: choices }, () => ({ context: 'a', continuation: 'b' })),
      ...(gold === undefined ? {} : { gold }),
    },
    scores: [],
  });
  expect(baselinesOf([item(0, 4), item(1, 4), item(1, 2), item(1, 2)])).toEqual({
    chance: 0.375,
    majority: 0.75,
  });
  expect(baselinesOf([item(undefined, 1)])).toBeUndefined();
});
