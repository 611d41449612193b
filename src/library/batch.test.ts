/** Generations at the same time: their texts are those of one alone, and none waits for another's end. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeSmallModel, type SmallModel } from '../../test/smallModel.ts';
import { CpuEngine } from '../engine/cpu/cpuEngine.ts';
import { type GenerateOptions, LanguageModel } from '../index.ts';
import { loadIntoEngine } from '../loadModel.ts';

let small: SmallModel;
let model: LanguageModel;
beforeAll(async () => {
  small = await makeSmallModel();
  model = await LanguageModel.load(small.folder, { threads: 1 });
});
afterAll(async () => {
  await model?.dispose();
  await small?.remove();
});

const prompts = Array.from({ length: 40 }, (_, k) => 'abc '.repeat(1 + ((k * 7) % 30)) + k);
const options = (k: number): GenerateOptions => ({
  maxTokens: 4 + (k % 9),
  temperature: 1,
  seed: k,
  stopAtEos: false,
});

it('40 at once keep order and text, beyond the slots too', async () => {
  const alone: string[] = [];
  for (const [k, prompt] of prompts.entries()) alone.push((await model.complete(prompt, options(k))).text);
  const together = await Promise.all(prompts.map((prompt, k) => model.complete(prompt, options(k))));
  expect(together.map(({ text }) => text)).toEqual(alone);
});

it.each(['rwkv', 'llama', 'bitnet'] as const)(
  '12 at once keep order and text, on %s',
  async (architecture) => {
    const { folder, remove } = await makeSmallModel({ architecture });
    await using other = await LanguageModel.load(folder, { threads: 1 });
    const some = prompts.slice(0, 12);
    const alone: string[] = [];
    for (const [k, prompt] of some.entries()) alone.push((await other.complete(prompt, options(k))).text);
    const together = await Promise.all(some.map((prompt, k) => other.complete(prompt, options(k))));
    expect(together.map(({ text }) => text)).toEqual(alone);
    await remove();
  },
);

it('a generation that others join half-way, or that stays when they end, keeps its text', async () => {
  const long = { ...options(1), maxTokens: 60 };
  const alone = (await model.complete('abc', long)).text;
  let joined: Promise<unknown> | undefined;
  let count = 0;
  const text = await model.complete('abc', {
    ...long,
    onToken() {
      if (++count === 10) joined = Promise.all([2, 3, 4].map((k) => model.complete(prompts[k]!, options(k))));
    },
  });
  await joined;
  expect(text.text).toBe(alone);
});

it('one that is aborted or left gives its slot to others, which continue', async () => {
  const expected = (await model.complete('xyz', options(5))).text;
  for (let round = 0; round < 3; round++) {
    const abort = new AbortController();
    const many = Array.from({ length: 30 }, () =>
      model.complete('abc', { maxTokens: 1000, stopAtEos: false, signal: abort.signal }),
    );
    const settled = Promise.allSettled(many);
    const other = model.complete('xyz', options(5));
    expect((await other).text).toBe(expected);
    abort.abort();
    expect((await settled).every(({ status }) => status === 'rejected')).toBe(true);
  }
});

it('run one after the other if there is no memory for several at once', async () => {
  const { folder, remove } = await makeSmallModel({ architecture: 'llama', contextLength: 512 });
  const create = () => CpuEngine.create({ threads: 1, memoryLimit: 20e6 });
  await using other = new LanguageModel(await loadIntoEngine(folder, create, {}));
  const alone = await other.complete('abc', options(3));
  const before = other.memory.inUse;
  const together = await Promise.all([0, 1, 2].map(() => other.complete('abc', options(3))));
  expect(together).toEqual([alone, alone, alone]);
  expect(other.memory.inUse).toBe(before);
  await remove();
});

it('one that the model refuses ends none of the others', async () => {
  const { folder, remove } = await makeSmallModel({ architecture: 'llama', contextLength: 100 });
  await using other = await LanguageModel.load(folder, { threads: 1 });
  const good = [0, 1, 2].map((k) => other.complete('abc', { ...options(k), maxTokens: 20 }));
  const refused = [[5, 1e6], Array.from({ length: 101 }, () => 5)].map((tokens) => other.complete(tokens));
  const reasons = (await Promise.allSettled(refused)).map(
    (result) => result.status === 'rejected' && result.reason,
  );
  expect(reasons).toMatchObject([
    { message: expect.stringContaining('found 1000000, expected an integer from 0 to 599') },
    { message: expect.stringContaining('found a sequence of 101 tokens, expected at most 100') },
  ]);
  for (const { tokens } of await Promise.all(good)) expect(tokens).toHaveLength(20);
  await remove();
});

it('all end with the same error when the model is disposed', async () => {
  const one = await LanguageModel.load(small.folder, { threads: 1 });
  const many = prompts
    .slice(0, 8)
    .map((prompt) => one.complete(prompt, { maxTokens: 5000, stopAtEos: false }));
  const settled = Promise.allSettled(many);
  await new Promise((resolve) => setTimeout(resolve, 50));
  await one.dispose();
  for (const result of await settled) expect(result).toMatchObject({ reason: { code: 'disposed' } });
});
