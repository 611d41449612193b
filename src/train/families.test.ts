/** Training of the families beside MatMul-free: it learns, stops, continues to the same bits, and loads. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { goldenGguf } from '../checkpoint/gguf/testing.ts';
import { temporaryFolder } from '../checkpoint/testing.ts';
import { LanguageModel } from '../languageModel.ts';
import { type ConfigOptions, type ModelConfig, namedConfig } from '../model/config.ts';
import { beginRun } from './begin.ts';
import { readLog } from './log.ts';
import { Run } from './run.ts';
import { dataOf, rhyme, smallSettings, stateFiles, withMachine } from './testing.ts';

const choices = { steps: 30, length: 24, learningRate: 0.01, schedule: 'cosine', saveEvery: 10 } as const;

const tested: readonly (readonly [name: string, form: ConfigOptions, kept: Partial<ModelConfig>])[] = [
  ['RWKV', { architecture: 'rwkv' }, { modelType: 'rwkv_bit' }],
  ['Llama', { architecture: 'llama' }, { modelType: 'llama' }],
  ['BitNet', { architecture: 'bitnet' }, { modelType: 'bitnet' }],
  ['Qwen 3', { architecture: 'qwen3' }, { modelType: 'qwen3' }],
  ['MatMul-free model of floats', { weights: 'float' }, { modelType: 'hgrn_bit', weights: 'float' }],
  [
    'BitNet of floats',
    { architecture: 'bitnet', weights: 'float' },
    { modelType: 'bitnet', projections: { kind: 'float' } },
  ],
  [
    'BitNet with ternary scores',
    { architecture: 'bitnet', scores: 'ternary' },
    { modelType: 'bitnet', scores: 'ternary' },
  ],
];

async function train(folder: string, form: ConfigOptions, stopAfter?: number): Promise<void> {
  const data = await dataOf(folder);
  const sizes = { layers: 2, hiddenSize: 32, intermediateSize: 48 };
  const vocabSize = data.tokenizer.vocabularySize;
  const named = namedConfig('tiny', { ...sizes, ...form, vocabSize });
  // Heads share keys and values, as none of the named sizes for laptops does.
  const heads = 'heads' in named ? { heads: 4, headSize: 8, keyHeads: 2 } : {};
  const config = { ...named, ...heads, bosTokenId: 0, eosTokenId: 0 };
  const controller = new AbortController();
  await withMachine(async (machine) => {
    const run = await Run.create(folder, { config, settings: smallSettings(choices), data }, machine);
    const outcome = await run.train({
      signal: controller.signal,
      onLine: ({ event }) => event === 'step' && run.step === stopAfter && controller.abort(),
    });
    expect(outcome).toBe(stopAfter === undefined ? 'finished' : 'interrupted');
    await run.close();
  });
}

describe.each(tested)('training a %s', (_, form, kept) => {
  it('learns, ends with the same bits if it was interrupted, and loads as a model', async () => {
    const folder = await temporaryFolder();
    const [whole, parts] = [join(folder, 'whole'), join(folder, 'parts')];
    await train(whole, form);
    const losses = (await readLog(join(whole, 'log.jsonl'))).flatMap((line) =>
      line.event === 'step' ? [line.loss] : [],
    );
    expect(losses.at(-1)).toBeLessThan(0.8 * losses[0]!);

    await train(parts, form, 17);
    await withMachine(async (machine) => {
      const run = await Run.resume(parts, machine);
      expect(await run.train()).toBe('finished');
      await run.close();
    });
    expect(await stateFiles(parts)).toEqual(await stateFiles(whole));

    const model = await LanguageModel.load(whole, { threads: 1 });
    expect(model.config).toMatchObject(kept);
    const { logits } = await model.forward([1, 2, 3]);
    expect(logits.every(Number.isFinite)).toBe(true);
    await model.dispose();
  });
});

describe.each(['bonsai-q2-64', 'bonsai-q1', 'trilm-tq2'])('training from a packed checkpoint: %s', (name) => {
  it('begins with its weights as floats, its config and its tokenizer, and learns', async () => {
    const [folder, from] = [await temporaryFolder(), goldenGguf(name)];
    const text = join(folder, 'text.txt');
    await writeFile(text, rhyme);
    const packed = await LanguageModel.load(from, { threads: 1 });
    const out = join(folder, 'run');
    const settings = smallSettings({ ...choices, steps: 12, learningRate: 0.003 });
    const model = { name: 'tiny' }; // the checkpoint's is taken
    await withMachine(async (machine) => {
      const run = await beginRun(
        { folder: out, from, data: [text], model, vocabulary: 280, settings },
        machine,
      );
      expect(await run.train()).toBe('finished');
      await run.close();
    });
    const steps = (await readLog(join(out, 'log.jsonl'))).filter((line) => line.event === 'step');
    const [first, ...rest] = packed.tokenizer!.encode(rhyme).slice(0, 200);
    const [scored] = await packed.score([{ context: [first!], continuations: [rest] }]);
    const loss = -scored![0]!.reduce((sum, { logProbability }) => sum + logProbability, 0) / rest.length;
    // Activations of the packed model are rounded to int8, and the batch is another part of the text.
    expect(steps[0]!.loss).toBeCloseTo(loss, 0);
    expect(steps.at(-1)!.loss).toBeLessThan(0.9 * steps[0]!.loss);
    await packed.dispose();
    const trained = await LanguageModel.load(out, { threads: 1 });
    const { modelType, hiddenSize } = packed.config;
    expect(trained.config).toMatchObject({ modelType, hiddenSize });
    await trained.dispose();
  });
});
