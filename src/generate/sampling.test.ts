import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../text/seededRandom.ts';
import {
  draw,
  keepMinP,
  keepPossible,
  keepTopK,
  keepTopP,
  likeliest,
  penalizeRepetition,
  type SamplingOptions,
  sample,
} from './sampling.ts';

fc.configureGlobal({ seed: 1 });

/** Weights with many equal ones among them. */
const anyWeights = fc
  .array(
    fc.oneof(fc.integer({ min: 0, max: 4 }), fc.double({ min: 0, max: 4, noNaN: true }).map(Math.fround)),
    {
      minLength: 1,
    },
  )
  .filter((list) => list.some((weight) => weight > 0))
  .map((list) => Float64Array.from(list));

const sorted = (weights: Float64Array) =>
  [...weights.keys()].sort((a, b) => weights[b]! - weights[a]! || a - b);
const allOf = (weights: Float64Array) => Uint32Array.from(weights.keys());
const asSet = (ids: Iterable<number>) => [...ids].sort((a, b) => a - b);

describe('processors', () => {
  it('top-k keeps the first k of a full sort', () => {
    fc.assert(
      fc.property(anyWeights, fc.nat(20), (weights, k) => {
        const expected = k === 0 ? sorted(weights) : sorted(weights).slice(0, k);
        expect(asSet(keepTopK(allOf(weights), Float32Array.from(weights), k))).toEqual(asSet(expected));
      }),
    );
  });

  it('top-p keeps the shortest beginning of a full sort that has the share', () => {
    const integers = anyWeights.map((weights) => weights.map(Math.ceil)); // exact sums
    fc.assert(
      fc.property(integers, fc.double({ min: 0.001, max: 0.999, noNaN: true }), (weights, p) => {
        const order = sorted(weights);
        const total = order.reduce((sum, id) => sum + weights[id]!, 0);
        let length = 0;
        for (let sum = 0; sum < p * total; length++) sum += weights[order[length]!]!;
        expect(asSet(keepTopP(allOf(weights), weights, p))).toEqual(asSet(order.slice(0, length)));
      }),
    );
  });

  it('does not slow down on equal weights', () => {
    const weights = new Float64Array(128_000).fill(0.5);
    expect(asSet(keepTopK(allOf(weights), Float32Array.from(weights), 5))).toEqual([0, 1, 2, 3, 4]);
    expect(keepTopP(allOf(weights), weights, 0.5)).toHaveLength(64_000);
  });

  it('leaves out what is impossible', () => {
    expect([...keepPossible(Float32Array.of(1, Number.NEGATIVE_INFINITY, -900))]).toEqual([0, 2]);
  });

  it('min-p keeps what is near the likeliest', () => {
    const weights = Float64Array.of(1, 0.5, 0.1, 0.05);
    expect([...keepMinP(allOf(weights), weights, 0.1)]).toEqual([0, 1, 2]);
    expect([...keepMinP(allOf(weights), weights, 1)]).toEqual([0]);
  });

  it('the repetition penalty divides positive logits and multiplies negative ones, once', () => {
    const logits = Float32Array.of(2, -2, 3, 0);
    expect([...penalizeRepetition(logits, [0, 1, 0, 99], 2)]).toEqual([1, -4, 3, 0]);
    expect([...logits]).toEqual([2, -2, 3, 0]);
  });

  it('draws in proportion to the weights', () => {
    const weights = Float64Array.of(0, 3, 1);
    const random = new SeededRandom(1);
    const drawn = [0, 0, 0];
    for (let i = 0; i < 10_000; i++) drawn[draw(allOf(weights), weights, random)]! += 1;
    expect(drawn[0]).toBe(0);
    expect(Math.abs(drawn[1]! - 7500)).toBeLessThan(180); // 4 standard errors
  });
});

describe('sample', () => {
  const random = () => new SeededRandom(1);

  it('takes the smallest of the likeliest at temperature 0', () => {
    expect(sample(Float32Array.of(1, 5, 5, -1), { temperature: 0 }, random())).toBe(1);
    expect(sample(Float32Array.of(1, 5, 5), { temperature: 0, repetitionPenalty: 2 }, random(), [1])).toBe(2);
    expect(likeliest(Float32Array.of(Number.NEGATIVE_INFINITY, -3))).toBe(1);
  });

  it('uses every option', () => {
    const logits = Float32Array.from({ length: 50 }, (_, id) => -id / 10);
    const reached = (options: SamplingOptions, history: number[] = []) => {
      const source = new SeededRandom(2);
      return new Set(Array.from({ length: 3000 }, () => sample(logits, options, source, history)));
    };
    expect(reached({}).size).toBeGreaterThan(40);
    expect(asSet(reached({ topK: 3 }))).toEqual([0, 1, 2]);
    expect(asSet(reached({ topP: 0.18 }))).toEqual([0, 1]); // 0.0958 + 0.0867
    expect(asSet(reached({ minP: 0.8 }))).toEqual([0, 1, 2]); // exp(-0.2) = 0.82
    expect(asSet(reached({ topK: 3, topP: 0.5 }))).toEqual([0, 1]); // of the three, renormalised
    expect(asSet(reached({ temperature: 0.001 }))).toEqual([0]);
    expect(asSet(reached({ temperature: 0.001, repetitionPenalty: 50 }, [1, 2, 3]))).toEqual([0]);
  });

  it('follows the softmax', () => {
    const source = random();
    const logits = Float32Array.of(0, Math.log(2), Math.log(5));
    const drawn = [0, 0, 0];
    for (let i = 0; i < 8000; i++) drawn[sample(logits, {}, source)]! += 1;
    for (const [id, share] of [1, 2, 5].entries())
      expect(Math.abs(drawn[id]! - 1000 * share)).toBeLessThan(180);
  });

  it('never draws an excluded token', () => {
    const logits = Float32Array.of(Number.NEGATIVE_INFINITY, 0, Number.NEGATIVE_INFINITY);
    for (let seed = 0; seed < 50; seed++) expect(sample(logits, {}, new SeededRandom(seed))).toBe(1);
  });

  it.each([
    [[0, Number.NaN], /found NaN for token 1/],
    [[Number.POSITIVE_INFINITY], /found a largest of Infinity/],
    [[Number.NEGATIVE_INFINITY], /found a largest of -Infinity/],
    [[], /in 0, expected a finite number/],
  ])('refuses the logits %s', (logits, message) => {
    expect(() => sample(Float32Array.from(logits), { temperature: 0 }, random())).toThrow(message);
  });

  it.each([
    [{ temperature: -1 }, /temperature: found -1, expected a number of 0 or more/],
    [{ temperature: Number.POSITIVE_INFINITY }, /temperature/],
    [{ topP: 0 }, /topP: found 0, expected a number above 0 and at most 1/],
    [{ topP: 1.1 }, /topP: found 1.1/],
    [{ minP: -0.1 }, /minP: found -0.1, expected a number from 0 to 1/],
    [{ topK: 1.5 }, /topK: found 1.5, expected an integer of 0 or more/],
    [{ repetitionPenalty: 0 }, /repetitionPenalty: found 0, expected a number above 0/],
    [{ temperature: '1' }, /temperature: found "1"/],
    [{ top_p: 1 }, /top_p: no such option; known are temperature, topK, topP, minP, repetitionPenalty/],
  ])('refuses %j', (options, message) => {
    expect(() => sample(Float32Array.of(1), options as SamplingOptions, random())).toThrow(message);
  });
});
