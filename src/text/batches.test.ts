import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatchSampler } from './batches.ts';
import type { TokenSource } from './shards.ts';
import { collect } from './testing.ts';

fc.configureGlobal({ seed: 1 });

/** Token i of the stream is i. */
function counting(tokenCount: number): TokenSource {
  return {
    tokenCount,
    vocabularySize: tokenCount,
    read: async (start, out) => {
      for (let i = 0; i < out.length; i++) out[i] = start + i;
    },
  };
}

/** The windows of a batch, by their first token. */
function windows({ inputs }: { inputs: Int32Array }, length: number): number[] {
  return Array.from({ length: inputs.length / length }, (_, row) => inputs[row * length]! / (length + 1));
}

describe('BatchSampler', () => {
  it('visits each training window once an epoch, and never a validation window', async () => {
    const shape = fc.record({
      batch: fc.integer({ min: 1, max: 5 }),
      length: fc.integer({ min: 1, max: 9 }),
      extra: fc.nat(60),
      seed: fc.nat(),
      validation: fc.constantFrom(0, 0.1, 0.3, 1, 6),
    });
    await fc.assert(
      fc.asyncProperty(shape, async ({ batch, length, extra, seed, validation }) => {
        const count = 10 * batch + 6 + extra;
        const sampler = new BatchSampler(counting(count * (length + 1) + 1), {
          batch,
          length,
          seed,
          validation,
        });
        const held = (await collect(sampler.validation())).flatMap((one) => windows(one, length));
        expect(held).toHaveLength(sampler.validationWindows);
        const steps = Math.ceil(sampler.stepsPerEpoch);
        const visits: number[] = [];
        for (let step = 0; step < 2 * steps; step++)
          visits.push(...windows(await sampler.batch(step), length));
        const { trainingWindows } = sampler;
        const epochs = [visits.slice(0, trainingWindows), visits.slice(trainingWindows, 2 * trainingWindows)];
        for (const epoch of epochs) {
          expect([...held, ...epoch].sort((a, b) => a - b)).toEqual(
            Array.from({ length: count }, (_, i) => i),
          );
        }
      }),
      { numRuns: 60 },
    );
  });

  it('gives labels that are the inputs of the next place', async () => {
    const sampler = new BatchSampler(counting(1000), { batch: 4, length: 7, seed: 3 });
    const { inputs, labels } = await sampler.batch(2);
    expect(inputs).toHaveLength(28);
    expect([...labels]).toEqual([...inputs].map((token) => token + 1));
  });

  it('of rows with marks, learns only marked tokens, and refuses to cut rows elsewhere', async () => {
    const marked: TokenSource = {
      ...counting(80),
      rowLength: 8,
      read: async (start, out, marks) => {
        for (let i = 0; i < out.length; i++) {
          out[i] = start + i;
          if (marks) marks[i] = (start + i) % 3 === 0 ? 1 : 0;
        }
      },
    };
    const { inputs, labels } = await new BatchSampler(marked, { batch: 4, length: 7, seed: 3 }).batch(0);
    labels.forEach((label, at) => {
      const next = inputs[at]! + 1;
      expect(label).toBe(next % 3 === 0 ? next : -100);
    });
    expect(() => new BatchSampler(marked, { batch: 4, length: 9, seed: 3 })).toThrow(
      'length: found 9, but these conversations were laid out in rows of 8 tokens; expected 7',
    );
  });

  it('depends on seed and step only', async () => {
    const make = (seed: number) =>
      new BatchSampler(counting(5000), { batch: 3, length: 10, seed, validation: 0.1 });
    const one = make(1);
    const later = await one.batch(400);
    await one.batch(0);
    expect(await one.batch(400)).toEqual(later);
    expect(await make(1).batch(400)).toEqual(later);
    expect(await make(2).batch(400)).not.toEqual(later);
    expect(await collect(make(2).validation())).toEqual(await collect(one.validation()));
  });

  it('says how many tokens are missing', () => {
    const make = (tokens: number, validation = 0) =>
      new BatchSampler(counting(tokens), { batch: 4, length: 9, seed: 0, validation });
    expect(() => make(39)).toThrow(/found 39 tokens, expected at least 40/);
    expect(() => make(40)).not.toThrow();
    expect(() => make(79, 0.01)).toThrow(/expected at least 80/);
    expect(() => make(0)).toThrow(/found 0 tokens/);
  });

  it.each([
    [{ batch: 0 }, /batch: found 0/],
    [{ length: 1.5 }, /length: found 1.5/],
    [{ seed: -1 }, /seed: found -1/],
    [{ validation: 1.5 }, /validation: found 1.5/],
    [{ validation: Number.NaN }, /validation: found NaN/],
  ])('refuses %j', (change, message) => {
    expect(() => new BatchSampler(counting(500), { batch: 2, length: 4, seed: 0, ...change })).toThrow(
      message,
    );
  });

  it('refuses steps that are none', () => {
    const sampler = new BatchSampler(counting(500), { batch: 2, length: 4, seed: 0 });
    for (const step of [-1, 0.5, Number.NaN]) expect(() => sampler.batch(step)).toThrow(/step: found/);
  });
});
