import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../checkpoint/testing.ts';
import { MixedSampler, samplerOf } from './mixedBatches.ts';
import type { TokenSource } from './shards.ts';
import { collect, listed } from './testing.ts';
import { TextTokenizer } from './tokenizer.ts';
import { TokenMix, writeMix } from './tokenMix.ts';
import { trainBpe } from './trainBpe.ts';
import { writeShards } from './writeShards.ts';

/** Windows of `length` + 1 tokens; token i of the stream is `first` + i. */
function counting(first: number, tokenCount: number): TokenSource {
  return {
    tokenCount,
    vocabularySize: first + tokenCount,
    read: async (start, out) => {
      for (let i = 0; i < out.length; i++) out[i] = first + start + i;
    },
  };
}

const parts = [
  { name: 'a', source: counting(0, 500), weight: 3 },
  { name: 'b', source: counting(1000, 3000), weight: 1 },
];
const options = { batch: 4, length: 9, seed: 5, validation: 1000 };

describe('MixedSampler', () => {
  it('takes rows by weight, whatever the sizes, and visits the windows of each source in turn', async () => {
    const sampler = new MixedSampler(parts, [], options);
    const firsts: number[] = [];
    for (let step = 0; step < 250; step++) {
      const { inputs } = await sampler.batch(step);
      for (let row = 0; row < 4; row++) firsts.push(inputs[row * 9]!);
    }
    const [a, b] = [firsts.filter((id) => id < 1000), firsts.filter((id) => id >= 1000)];
    expect([a.length, b.length]).toEqual([750, 250]);
    // 50 windows of a: each 15 times. 300 of b: none twice.
    expect(new Set(a).size).toBe(50);
    for (const id of new Set(a)) expect(a.filter((other) => other === id)).toHaveLength(15);
    expect(new Set(b).size).toBe(250);
    expect(sampler.stepsPerEpoch).toBe(350 / 4);
    // Both kinds are spread over the run.
    expect(firsts.slice(0, 100).filter((id) => id >= 1000).length).toBeGreaterThan(10);
  });

  it('depends on seed and step only', async () => {
    const make = (seed: number) => new MixedSampler(parts, [], { ...options, seed });
    const sampler = make(1);
    const later = await sampler.batch(700);
    await sampler.batch(3);
    expect(await sampler.batch(700)).toEqual(later);
    expect(await make(1).batch(700)).toEqual(later);
    expect(await make(2).batch(700)).not.toEqual(later);
  });

  it('measures each validation text on the same windows for every seed, the last batch padded', async () => {
    const held = [{ name: 'held', source: counting(0, 65) }];
    const [set] = new MixedSampler(parts, held, options).validationSets;
    const batches = await collect(set!.batches());
    expect(set!.name).toBe('held');
    expect(batches.map(({ labels }) => labels.filter((label) => label >= 0).length)).toEqual([36, 18]);
    const firsts = batches.flatMap(({ inputs }) => [0, 9, 18, 27].map((at) => inputs[at]!));
    expect(firsts.slice(0, 6).sort((x, y) => x - y)).toEqual([0, 10, 20, 30, 40, 50]);
    const [other] = new MixedSampler(parts, held, { ...options, seed: 8 }).validationSets;
    expect(await collect(other!.batches())).toEqual(batches);
    const few = new MixedSampler(parts, held, { ...options, validation: 3 }).validationSets[0]!;
    expect(
      (await collect(few.batches())).flatMap(({ labels }) => [...labels].filter((x) => x >= 0)),
    ).toHaveLength(27);
    expect(new MixedSampler(parts, held, { ...options, validation: 0 }).validationSets).toEqual([]);
  });

  it('refuses sources and texts that are smaller than a window', () => {
    const small = { name: 'small', source: counting(0, 9), weight: 1 };
    expect(() => new MixedSampler([...parts, small], [], options)).toThrow(
      /found 9 tokens, expected at least 10/,
    );
    expect(() => new MixedSampler(parts, [small], options)).toThrow(/^small: found 9 tokens/);
  });
});

describe('TokenMix', () => {
  it('opens folders beside mix.json, and refuses what reaches outside or does not fit', async () => {
    const folder = await temporaryFolder();
    const text = 'once upon a time '.repeat(30);
    const tokenizer = TextTokenizer.fromJson((await trainBpe(listed([text]), { vocabularySize: 270 })).json);
    for (const name of ['a', 'b', 'held']) await writeShards(join(folder, name), listed([text]), tokenizer);
    await writeMix(folder, {
      version: 1,
      parts: [
        { folder: 'a', weight: 2 },
        { folder: 'b', weight: 0.5 },
      ],
      validation: ['held'],
    });
    const mix = await TokenMix.open(folder, tokenizer);
    expect(mix.parts.map(({ name, weight }) => [name, weight])).toEqual([
      ['a', 2],
      ['b', 0.5],
    ]);
    expect(mix.tokenCount).toBe(2 * mix.validation[0]!.source.tokenCount);
    expect(mix.vocabularySize).toBe(tokenizer.vocabularySize);
    expect(samplerOf(mix, options).validationSets.map(({ name }) => name)).toEqual(['held']);
    await mix.close();

    const plain = await TokenMix.open(join(folder, 'a'), tokenizer);
    expect(samplerOf(plain, { ...options, validation: 4 }).validationSets).toHaveLength(1);
    await plain.close();

    const refused = async (content: unknown, message: RegExp) => {
      await writeFile(join(folder, 'other.json'), JSON.stringify(content));
      await expect(TokenMix.open(join(folder, 'other.json'), tokenizer)).rejects.toThrow(message);
    };
    await mkdir(join(folder, 'empty'));
    await refused({ version: 1, parts: [{ folder: '../a', weight: 1 }] }, /parts.0.folder: found "\.\.\/a"/);
    await refused({ version: 1, parts: [{ folder: 'a', weight: 0 }] }, /parts.0.weight: found 0/);
    await refused({ version: 1, parts: [] }, /parts: found 0/);
    await refused({ version: 1, parts: [{ folder: 'empty', weight: 1 }] }, /shards.json: cannot be read/);
    await refused({ version: 2 }, /version: found 2/);
    const other = TextTokenizer.fromJson((await trainBpe(listed(['else']), { vocabularySize: 257 })).json);
    await expect(TokenMix.open(folder, other)).rejects.toThrow(/found that of another tokenizer/);
  });
});
