import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../checkpoint/testing.ts';
import { BatchSampler } from '../../text/batches.ts';
import { prepareData } from '../../train/data.ts';
import { recallCorpus, recallLength, recallSequence, recallVocabulary } from './mqar.ts';

it('a sequence tells pairs, then asks for each key, whose value alone is a label', () => {
  for (let index = 0; index < 100; index += 2) {
    const { ids, marks } = recallSequence({ pairs: 7, keys: 20, seed: 3 }, index);
    expect(ids).toHaveLength(recallLength(7) + 1);
    expect(ids[0]).toBe(0);
    const told = new Map(Array.from({ length: 7 }, (_, i) => [ids[1 + 2 * i]!, ids[2 + 2 * i]!]));
    expect(told.size, 'keys are distinct').toBe(7);
    for (const [key, value] of told) {
      expect(key).toBeGreaterThan(0);
      expect(key).toBeLessThanOrEqual(20);
      expect(value).toBeGreaterThan(20);
      expect(value).toBeLessThanOrEqual(40);
    }
    const asked = ids.slice(15).filter((_, at) => at % 2 === 0);
    expect([...asked].sort(), 'every key is asked for once').toEqual([...told.keys()].sort());
    marks!.forEach((mark, at) => {
      expect(mark).toBe(at >= 16 && at % 2 === 0 ? 1 : 0);
      if (mark) expect(ids[at]).toBe(told.get(ids[at - 1]!));
    });
  }
  const task = { pairs: 7, keys: 20, seed: 3 };
  expect(recallSequence(task, 1)).not.toEqual(recallSequence(task, 2));
  expect(recallSequence(task, 1)).toEqual(recallSequence(task, 1));
});

it('every other sequence tells and asks in blocks, and each value asked for was told with its key', () => {
  const sizes = new Set<number>();
  for (let index = 1; index < 60; index += 2) {
    const { ids, marks } = recallSequence({ pairs: 7, keys: 20, seed: 3 }, index);
    expect(ids).toHaveLength(recallLength(7) + 1);
    expect(marks!.filter((mark) => mark === 1)).toHaveLength(7);
    sizes.add((marks!.indexOf(1) - 2) / 2);
    marks!.forEach((mark, at) => {
      const before = ids.slice(0, at - 1);
      if (mark) expect(ids[at]).toBe(before[before.indexOf(ids[at - 1]!) + 1]);
    });
  }
  expect([...sizes].sort()).toEqual([1, 2, 4]);
});

it('sequences become batches whose labels are the values, and are written once', async () => {
  const home = join(await temporaryFolder(), 'recall');
  const { signal } = new AbortController();
  const given = { pairs: 3, keys: 128, sequences: 8, seed: 1 };
  const folder = await recallCorpus(home, given, signal);
  expect(await recallCorpus(home, given, signal)).toBe(folder);
  const { shards, tokenizer } = await prepareData({ data: [folder], shardFolder: folder, vocabulary: 0 });
  expect(tokenizer.vocabularySize).toBe(recallVocabulary);
  const sampler = new BatchSampler(shards.parts[0]!.source, { batch: 2, length: recallLength(3), seed: 1 });
  const { inputs, labels } = await sampler.batch(0);
  expect([...labels].filter((label) => label >= 0)).toHaveLength(2 * 3);
  labels.forEach((label, at) => {
    if (label >= 0) expect(inputs[at]!).toBeLessThanOrEqual(128); // a key comes before its value
  });
  await shards.close();
});
