import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { modelsFolder } from '../../src/checkpoint/bundledModels.ts';
import { temporaryFolder } from '../../src/checkpoint/testing.ts';
import { LanguageModel } from '../../src/languageModel.ts';
import { collect } from '../../src/text/testing.ts';
import { TextTokenizer } from '../../src/text/tokenizer.ts';
import { TokenMix } from '../../src/text/tokenMix.ts';
import type { LogLine } from '../../src/train/log.ts';
import { savedStep } from '../../src/train/trainingState.ts';
import { besideFigure } from './beside.ts';
import { cardOf, gatherFacts } from './card.ts';
import { evaluateAll } from './evaluate.ts';
import { prepare } from './prepare.ts';
import { readRecipe } from './recipe.ts';
import { documents } from './sources.ts';
import { smallRecipe, writeSmallCorpus } from './testing.ts';

describe('the parts of the corpus', () => {
  it('are told apart by length and form, and are all of it', async () => {
    const corpus = await temporaryFolder();
    await writeSmallCorpus(corpus);
    const counts = await Promise.all(
      (['books', 'short', 'articles', 'glosses'] as const).map(
        async (part) => (await collect(documents(corpus, part))).length,
      ),
    );
    expect(counts).toEqual([2, 48, 8, 1]);
  });
});

describe('preparing', () => {
  it('gives a tokenizer with a chat template and shards that fit together, the same each time', async () => {
    const work = await temporaryFolder();
    const corpus = join(work, 'corpus');
    const tokens = join(work, 'tokens');
    await writeSmallCorpus(corpus);
    const recipe = await smallRecipe();
    await prepare({ corpus, work, recipe });
    const tokenizer = await TextTokenizer.load(tokens);
    expect(tokenizer.eosTokenId).toBe(0);
    expect(tokenizer.chatTemplate).toContain('<|assistant|>');
    const mix = await TokenMix.open(join(tokens, 'mix.json'), tokenizer);
    expect(mix.parts.length).toBe(5);
    for (const { source } of [...mix.parts, ...mix.validation]) expect(source.tokenCount).toBeGreaterThan(64);
    await mix.close();
    const first = await contents(tokens);
    // Killed in the middle: one part is half written, another not begun.
    await rename(join(tokens, 'articles'), join(tokens, 'articles.partial-1'));
    await rm(join(tokens, 'dialogues'), { recursive: true });
    await prepare({ corpus, work, recipe });
    expect(await contents(tokens)).toEqual(first);
  });
});

async function contents(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  return Object.fromEntries(
    await Promise.all(files.sort().map(async (file) => [file, await readFile(file, 'base64')] as const)),
  );
}

describe('the whole recipe', () => {
  it('killed in the middle of training and started again, gives the same model, bit for bit, which opens as a writer', async () => {
    const folder = await temporaryFolder();
    await writeSmallCorpus(join(folder, 'corpus'));
    const recipe = await smallRecipe();
    await writeFile(join(folder, 'recipe.json'), JSON.stringify(recipe));
    const start = (name: string) => {
      const where = [join(folder, 'corpus'), join(folder, name), '--models', join(folder, name, 'models')];
      const script = join(import.meta.dirname, 'run.ts');
      return spawn(process.execPath, [script, ...where, '--recipe', join(folder, 'recipe.json')]);
    };
    const [code] = await once(start('whole'), 'close');
    expect(code).toBe(0);

    const base = join(folder, 'parts', 'base');
    const child = start('parts');
    const closed = once(child, 'close');
    const step = () => savedStep(base).catch(() => 0);
    while ((await step()) === 0) await setTimeout(5);
    child.kill('SIGKILL');
    await closed;
    expect(await step()).toBeLessThan(recipe.base.steps as number);
    const second = start('parts');
    expect((await once(second, 'close'))[0]).toBe(0);
    const weights = (run: string) => readFile(join(folder, run, 'models', 'stories', 'model.safetensors'));
    expect((await weights('parts')).equals(await weights('whole'))).toBe(true);

    await using model = await LanguageModel.load(join(folder, 'whole', 'models', 'stories'), { threads: 0 });
    expect(model.tokenizer!.chatTemplate).toBeUndefined();
    const pieces = await collect(model.generate('The owl', { maxTokens: 8, seed: 1 }));
    expect(pieces.join('').length).toBeGreaterThan(0);
    await describesItself(folder);
  });
});

/** The card of a packed model says what the public command measured. */
async function describesItself(folder: string): Promise<void> {
  const models = join(folder, 'whole', 'models');
  const results = join(folder, 'whole');
  const measured = {
    ...{ models: [join(models, 'stories')], corpus: join(folder, 'corpus'), work: join(folder, 'scores') },
    ...{ tasks: join(import.meta.dirname, '../../test/fixtures/evaluate/hub'), results, limit: '2' },
  };
  expect(await evaluateAll(measured, () => {})).toBe(true);
  const facts = await gatherFacts(results, { models });
  const card = cardOf(facts);
  const { tasks } = facts.reports.find((report) => report.tasks[0]!.data.startsWith('stories.valid'))!;
  const bits = tasks[0]!.metrics.find(({ name }) => name === 'bits_per_byte')!;
  expect(card).toContain('| text | stories, cpu |');
  expect(card).toContain(`| stories.valid | ${bits.value.toFixed(4)} |`);
  expect(card).toMatch(/\| arc_easy \(acc\) \| 2 of \d+, seed 1 \| 25.0 \| \d+\.0 \| \d+\.0 /);
  expect(card).toContain('Project Gutenberg');
  expect(card).toContain('Training: 38.4 k tokens in 300 steps of 2 × 64 on cpu');
  for (const { prompt } of facts.samples) expect(card).toContain(`> **${prompt}**`);
  expect(card).not.toMatch(/undefined|NaN/);
  const lines = facts.base.lines.map((line) => (line.event === 'validation' ? { ...line, loss: 9 } : line));
  lines.unshift({ ...validation(3, 4), set: 'valid.stories' });
  const besideIt = cardOf({ ...facts, beside: 'stories', llama: { ...facts.base, lines } });
  expect(besideIt).toContain('"stories" is the Transformer++');
  expect(besideIt).toMatch(
    /valid\.stories 9\.000 nats a token \(.* bits a byte; 4\.000 at its minimum, after 3 steps\)/,
  );
  await expect(gatherFacts(join(folder, 'corpus'), { models })).rejects.toThrow('training.json: not found');
  expect(() => cardOf({ ...facts, beside: 'llama' })).toThrow('found no report on "llama" among 3');
}

it('the bundled model opens as a writer, the chat beside it as a chat', async () => {
  const templateOf = async (name: string) =>
    (await TextTokenizer.load(join(modelsFolder, name))).chatTemplate;
  expect(await templateOf('stories')).toBeUndefined();
  expect(await templateOf('chat')).toContain('<|assistant|>');
});

it('the recipe is sound, and its numbers are those of a model of 25 to 60 million parameters', async () => {
  const { model, tokenizer } = await readRecipe();
  const { layers, hiddenSize: H, intermediateSize: I } = model;
  const parameters = layers * (4 * H * H + 3 * H * I) + 2 * tokenizer.vocabulary * H;
  expect(parameters).toBeGreaterThan(25e6);
  expect(parameters).toBeLessThan(60e6);
});

const validation = (step: number, bits: number) =>
  ({ event: 'validation', step, loss: bits, bitsPerByte: bits, set: 'valid.stories' }) as const;

describe('both models while they train', () => {
  const course = (end: number): LogLine[] =>
    [1, 2].flatMap((step) => [
      {
        ...{ event: 'step', step, loss: 3, learningRate: 1, gradientNorm: 1, tokensPerSecond: 1, time: step },
        tokens: step * 1e6,
      } as const,
      validation(step, step === 1 ? 2 : end),
      { ...validation(step, step === 1 ? 1.5 : end - 0.75), set: 'valid.tinystories' },
    ]);

  it('are four curves with their ends, of which none hides another', () => {
    const svg = besideFigure([course(1.25), course(1.2501)]);
    for (const text of [
      'MatMul-free, books',
      'Transformer++, short stories',
      '1.250',
      '0.500',
      'bits a byte',
    ])
      expect(svg).toContain(text);
    expect(svg).not.toMatch(/NaN|undefined/);
  });

  it('are not drawn without a measurement', () => {
    expect(() => besideFigure([course(1), []])).toThrow('Transformer++, books: found no validation');
  });
});
