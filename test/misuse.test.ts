/** What a program does wrong with the library gets a typed error with a code, and leaves nothing behind. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LanguageModel } from '../src/index.ts';
import { makeSmallModel, type SmallModel } from './smallModel.ts';

let small: SmallModel;
let model: LanguageModel;
beforeAll(async () => {
  small = await makeSmallModel();
  model = await LanguageModel.load(small.folder, { threads: 0 });
});
afterAll(async () => {
  await model?.dispose();
  await small?.remove();
});

it.each<[string, () => Promise<unknown>]>([
  ['a prompt that is no text', () => model.complete(5 as never)],
  ['no prompt', () => model.complete(undefined as never)],
  ['an option that does not exist', () => model.complete('x', { maxToken: 3 } as never)],
  ['an option of another type', () => model.complete('x', { maxTokens: '3' as never })],
  ['a token outside the vocabulary', () => model.forward([600])],
  ['no token', () => model.forward([])],
  ['a pooling that does not exist', () => model.embed(['x'], { pooling: 'sum' as never })],
  ['a state that is none', async () => model.restore(new Uint8Array(9))],
  ['a source that is none', () => LanguageModel.load({} as never)],
])('%s is an InputError', async (_, misuse) => {
  await expect(misuse()).rejects.toMatchObject({ name: 'InputError', code: 'invalid-input' });
  expect((await model.complete('The whale', { maxTokens: 2 })).tokens).toHaveLength(2);
});

it('a session at work is busy, and a model beside it is not', async () => {
  await using other = await LanguageModel.load(small.folder, { threads: 0 });
  const session = model.session();
  const first = session.append('Call me Ishmael.');
  await expect(session.append('x')).rejects.toMatchObject({ name: 'BusyError', code: 'busy' });
  await Promise.all([first, other.complete('x', { maxTokens: 2 })]);
});

it('100 loads leave no memory behind', { timeout: 120_000 }, async () => {
  const load = async () => {
    await using one = await LanguageModel.load(small.folder, { threads: 0 });
    await one.complete('x', { maxTokens: 1 });
  };
  const settled = async () => {
    for (let round = 0; round < 3; round++) {
      globalThis.gc?.();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return process.memoryUsage().rss;
  };
  for (let count = 0; count < 20; count++) await load();
  const before = await settled();
  for (let count = 0; count < 100; count++) await load();
  expect((await settled()) - before).toBeLessThan(100e6); // far less than a model that stays, a hundred times
});
