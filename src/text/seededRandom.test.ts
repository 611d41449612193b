import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { permutation } from './permutation.ts';
import { logarithm, SeededRandom } from './seededRandom.ts';

fc.configureGlobal({ seed: 1 });

describe('SeededRandom', () => {
  it('gives the same numbers forever: runs of older versions must stay repeatable', () => {
    const random = new SeededRandom(7);
    expect([
      random.uint32(),
      random.uniform(),
      random.uniform32(),
      random.normal(),
      random.integer(10),
    ]).toEqual(GOLDEN);
  });

  it('follows xoshiro128** from a given state', () => {
    const random = new SeededRandom(0);
    random.restore(Uint32Array.of(1, 2, 3, 4));
    // rotl(2 · 5, 7) · 9 = 11520; then the second word is 0; then 7 · … by hand from the definition.
    expect([random.uint32(), random.uint32(), random.uint32()]).toEqual([11520, 0, 5927040]);
  });

  it('continues from a saved state', () => {
    const random = new SeededRandom(3);
    random.normal();
    const state = random.save();
    const next = Array.from({ length: 5 }, () => random.uint32());
    random.restore(state);
    expect(Array.from({ length: 5 }, () => random.uint32())).toEqual(next);
  });

  it('differs for neighbouring seeds and for seeds equal in their low 32 bits', () => {
    const firsts = [0, 1, 2, 2 ** 32, 2 ** 33, Number.MAX_SAFE_INTEGER].map((seed) =>
      new SeededRandom(seed).uint32(),
    );
    expect(new Set(firsts).size).toBe(firsts.length);
  });

  it('is uniform and normal to the accuracy of 100,000 draws', () => {
    const random = new SeededRandom(1);
    const count = 100_000;
    const uniform = moments(Array.from({ length: count }, () => random.uniform()));
    const normal = moments(random.fillNormal(new Float32Array(count), 2));
    expect(Math.abs(uniform.mean - 0.5)).toBeLessThan(0.004); // 4 standard errors
    expect(Math.abs(uniform.variance - 1 / 12)).toBeLessThan(0.001);
    expect(Math.abs(normal.mean)).toBeLessThan(0.026);
    expect(Math.abs(normal.variance - 4)).toBeLessThan(0.075);
    expect(Math.abs(normal.skewness)).toBeLessThan(0.031);
  });

  it('draws integers below the limit, all of them', () => {
    const random = new SeededRandom(5);
    const seen = new Set(Array.from({ length: 500 }, () => random.integer(7)));
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
    for (const limit of [0, 1.5, 2 ** 33, Number.NaN])
      expect(() => random.integer(limit)).toThrow(/expected an integer/);
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 53])('refuses the seed %s', (seed) => {
    expect(() => new SeededRandom(seed)).toThrow(/^seed: found/);
  });
});

it('logarithm agrees with Math.log', () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-300, max: 1e300, noNaN: true }), (x) => {
      const expected = Math.log(x);
      expect(Math.abs(logarithm(x) - expected)).toBeLessThanOrEqual(
        4e-16 * Math.max(Math.abs(expected), 0.05),
      );
    }),
  );
});

describe('permutation', () => {
  it('is a bijection of every size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 700 }), fc.nat(), fc.nat(), (size, seed, epoch) => {
        const image = permutation(size, [seed, epoch]);
        const images = Array.from({ length: size }, (_, index) => image(index));
        expect(new Set(images).size).toBe(size);
        expect(Math.max(...images)).toBe(size - 1);
      }),
      { numRuns: 60 },
    );
  });

  it('depends on each key, and stays in range where 32 bits end', () => {
    const size = 2 ** 40 + 7;
    const images = [
      [1, 2],
      [2, 1],
      [1, 3],
      [2 ** 32 + 1, 2],
    ].map((keys) => permutation(size, keys)(12345));
    expect(new Set(images).size).toBe(4);
    for (const image of images) expect(image).toBeLessThan(size);
  });

  it('looks shuffled: few neighbours stay neighbours', () => {
    const image = permutation(10_000, [9, 0]);
    let kept = 0;
    for (let i = 1; i < 10_000; i++) if (Math.abs(image(i) - image(i - 1)) === 1) kept++;
    expect(kept).toBeLessThan(12); // 2 are expected of a random order
  });
});

function moments(values: ArrayLike<number>) {
  const list = Array.from(values);
  const mean = list.reduce((sum, value) => sum + value, 0) / list.length;
  const central = (power: number) =>
    list.reduce((sum, value) => sum + (value - mean) ** power, 0) / list.length;
  return { mean, variance: central(2), skewness: central(3) / central(2) ** 1.5 };
}

const GOLDEN = [1076775234, 0.10269639889020588, 0.47966641187667847, 0.11700868388592037, 2];
