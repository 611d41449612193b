import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../checkpoint/testing.ts';
import { listed } from '../text/testing.ts';
import { rhyme } from '../train/testing.ts';
import { matmulFree } from './families.ts';
import { settingsFor } from './scaling/trainingPlan.ts';
import type { StudyContext } from './study.ts';
import { prepareCorpus, train } from './training.ts';

function contextIn(folder: string, signal = new AbortController().signal): StudyContext {
  return {
    options: { engine: 'cpu', threads: 1, quick: true, seed: 1, data: () => listed([rhyme.repeat(3)]) },
    ...{ folder, signal, say: () => {} },
    run: () => Promise.reject(new Error('not needed')),
    publish: () => Promise.reject(new Error('not needed')),
  };
}

describe('training as an experiment', () => {
  it('reaches the same result whether it was interrupted or not', async () => {
    const folder = await temporaryFolder();
    const corpus = await prepareCorpus(contextIn(folder), 280);
    expect(await prepareCorpus(contextIn(folder), 280)).toEqual(corpus);
    const config = matmulFree.config({
      layers: 1,
      hiddenSize: 32,
      vocabSize: corpus.vocabulary,
      intermediateSize: 32,
    });
    const plan = { tokens: 30 * 32, batch: 2, length: 16, learningRate: 0.01, seed: 1 };
    const settings = { ...settingsFor(matmulFree, plan), validation: 4, validateEvery: 10, saveEvery: 5 };
    const [straight, cut] = [join(folder, 'straight'), join(folder, 'cut')];
    await Promise.all([straight, cut].map((path) => mkdir(path)));
    const expected = await train(straight, config, settings, corpus, contextIn(folder));

    const controller = new AbortController();
    // Whatever it has done within this time; nothing, at the least.
    setTimeout(() => controller.abort(new Error('enough')), 150);
    const first = await train(cut, config, settings, corpus, contextIn(folder, controller.signal)).catch(
      (error) => error.message,
    );
    const found =
      typeof first === 'string' ? await train(cut, config, settings, corpus, contextIn(folder)) : first;
    expect({ ...found, seconds: 0 }).toEqual({ ...expected, seconds: 0 });
    expect(expected.tokens).toBe(30 * 32);
    expect(expected.curve.map(([tokens]) => tokens)).toEqual([0, 320, 640, 960]);
    expect(expected.loss).toBeLessThan(expected.curve[0]![1]);
  });

  it('prepares its corpus again where a killed process left shards without a tokenizer', async () => {
    const folder = await temporaryFolder();
    const corpus = await prepareCorpus(contextIn(folder), 280);
    await rm(join(corpus.folder, '../tokenizer.json'));
    expect(await prepareCorpus(contextIn(folder), 280)).toEqual(corpus);
  });

  it('says so if it diverges', async () => {
    const folder = await temporaryFolder();
    const corpus = await prepareCorpus(contextIn(folder), 280);
    const config = matmulFree.config({
      layers: 1,
      hiddenSize: 32,
      vocabSize: corpus.vocabulary,
      intermediateSize: 32,
    });
    const plan = { tokens: 20 * 32, batch: 2, length: 16, learningRate: 1, seed: 1 };
    const settings = {
      ...settingsFor(matmulFree, plan),
      maxNorm: 0,
      weightDecay: 10,
      warmup: 0,
      schedule: 'constant' as const,
    };
    const run = join(folder, 'run');
    await mkdir(run);
    const outcome = await train(run, config, settings, corpus, contextIn(folder));
    expect(outcome.failure).toMatch(/expected finite numbers/);
    expect(outcome.loss).toBeUndefined();
  });
});
