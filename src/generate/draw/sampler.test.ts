/** The compiled sampler draws the tokens that its definition draws. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SeededRandom } from '../../text/seededRandom.ts';
import { exponentials } from '../exponential.ts';
import { sample } from '../sampling.ts';
import { checkSampling, type SamplingOptions } from '../samplingOptions.ts';
import { Sampler } from './sampler.ts';

fc.configureGlobal({ seed: 1 });

const sampler = await Sampler.load();

/** The tokens that both draw from the same random numbers, or the errors that both throw. */
function both(logits: Float32Array, options: SamplingOptions, seed: number, history: readonly number[] = []) {
  const draws = [
    (random: SeededRandom) => sample(logits, options, random, history),
    (random: SeededRandom) => sampler.sample(logits, checkSampling(options), random, history),
  ];
  return draws.map((draw) => {
    const random = new SeededRandom(seed);
    try {
      return [draw(random), draw(random), draw(random)];
    } catch (error) {
      return (error as Error).message;
    }
  });
}

/** Peaked or flat, with many equal logits and some that are impossible. */
const anyLogits = fc
  .record({
    size: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 41, max: 3000 })),
    spread: fc.constantFrom(0, 0.01, 1, 5, 400),
    steps: fc.constantFrom(2, 50, 1e6),
    excluded: fc.constantFrom(0, 0, 0.3, 0.95),
    seed: fc.nat(),
  })
  .map(({ size, spread, steps, excluded, seed }) => {
    const random = new SeededRandom(seed);
    return Float32Array.from({ length: size }, (_, id) => {
      const logit = (Math.round(random.normal() * steps) / steps) * spread;
      return id > 0 && random.uniform() < excluded ? Number.NEGATIVE_INFINITY : logit;
    });
  });

const anyOptions = fc.record({
  temperature: fc.constantFrom(0, 0.01, 0.8, 1, 1.7, 50),
  topK: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 3200 })),
  topP: fc.oneof(fc.constant(1), fc.double({ min: 1e-9, max: 1, noNaN: true })),
  minP: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1, noNaN: true })),
  repetitionPenalty: fc.constantFrom(1, 1, 1.3, 0.5),
});

it('draws the same tokens for any logits and options', () => {
  const check = (logits: Float32Array, options: SamplingOptions, seed: number) => {
    const [expected, found] = both(logits, options, seed, [0, 3, 3, 7, 5000]);
    expect(found).toEqual(expected);
  };
  fc.assert(fc.property(anyLogits, anyOptions, fc.nat(), check), { numRuns: 500 });
});

it('draws the same tokens from a large vocabulary after a small one, and again from the small one', () => {
  for (const size of [10, 130_000, 10]) {
    const logits = Float32Array.from({ length: size }, (_, id) => Math.sin(id) * 3);
    for (const options of [{}, { topK: 50, topP: 0.9 }, { topP: 0.5 }, { minP: 0.01 }]) {
      const [expected, found] = both(logits, options, size);
      expect(found).toEqual(expected);
    }
  }
});

it('draws at the very ends of the random numbers', () => {
  const logits = Float32Array.of(Number.NEGATIVE_INFINITY, -900, 0, -1, -900);
  for (const uniform of [0, 1 - 2 ** -53]) {
    const random = { uniform: () => uniform } as SeededRandom;
    for (const options of [{}, { topK: 3 }, { topP: 0.99 }])
      expect(sampler.sample(logits, checkSampling(options), random)).toBe(sample(logits, options, random));
  }
});

/** Logits, some of them far below the largest or so large that float32 rounds their differences. */
const bordered = [
  ['spread', new SeededRandom(2).fillNormal(new Float32Array(500), 2)],
  [
    'in a tail',
    new SeededRandom(3).fillNormal(new Float32Array(2000), 1).map((x, id) => (id === 700 ? 12 : x)),
  ],
  ['large', new SeededRandom(4).fillNormal(new Float32Array(500), 3).map((x) => x + 5000)],
] as const;

it.each(bordered)('draws by exact weights at the borders between tokens whose logits are %s', (_, logits) => {
  const top = Math.max(...logits);
  const weights = Float64Array.from(logits, (logit) => (logit - top) / 0.8);
  const sum = exponentials(weights);
  let border = 0;
  for (const weight of weights) {
    border += weight;
    for (const distance of [0, 1e-14, 1e-10, 5e-9, 2e-8, 1e-6, 1e-5, 3e-5]) {
      for (const near of [border / sum - distance, border / sum + distance]) {
        const uniform = Math.min(Math.max(near, 0), 1 - 2 ** -53);
        const random = { uniform: () => uniform } as SeededRandom;
        const found = sampler.sample(logits, checkSampling({ temperature: 0.8 }), random);
        if (found !== sample(logits, { temperature: 0.8 }, random)) expect.fail(`${uniform}: drew ${found}`);
      }
    }
  }
});

it.each([
  [[0, Number.NaN], /found NaN for token 1/],
  [[Number.POSITIVE_INFINITY], /found a largest of Infinity/],
  [[Number.NEGATIVE_INFINITY], /found a largest of -Infinity/],
  [[], /in 0, expected a finite number/],
])('refuses the logits %s', (logits, message) => {
  const draw = () => sampler.sample(Float32Array.from(logits), checkSampling({}), new SeededRandom(1));
  expect(draw).toThrow(message);
});

it('leaves the logits as they are', () => {
  const logits = Float32Array.of(1, 2, 3);
  sampler.sample(logits, checkSampling({ repetitionPenalty: 2 }), new SeededRandom(1), [0, 1]);
  expect([...logits]).toEqual([1, 2, 3]);
});
