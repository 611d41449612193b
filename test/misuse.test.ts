/** What a program does wrong with the library gets a typed error with a code, and leaves nothing behind. */
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
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

/** As a program without types calls it. */
const untyped = () => model as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
const call = (method: string, ...args: unknown[]) => untyped()[method]!(...args);
const session = (method: string, ...args: unknown[]) =>
  (model.session() as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>)[method]!(...args);
const chat = (start: unknown, ...args: unknown[]) =>
  (model.chat(start as never) as unknown as { send(...args: unknown[]): Promise<unknown> }).send(...args);
const load = (...args: unknown[]) =>
  (LanguageModel.load as (...args: unknown[]) => Promise<unknown>)(...args);
const user = [{ role: 'user', content: 'x' }];
const tools = { f: { run: () => 1 } };

it.each<[string, () => Promise<unknown> | unknown]>([
  ['a prompt that is no text', () => call('complete', 5)],
  ['no prompt', () => call('complete')],
  ['options that are null', () => call('complete', 'x', null)],
  ['options that are a number', () => call('complete', 'x', 5)],
  ['options that are a list', () => call('complete', 'x', [])],
  ['an option that does not exist', () => call('complete', 'x', { maxToken: 3 })],
  ['an option of another type', () => call('complete', 'x', { maxTokens: '3' })],
  ['a signal that is none', () => call('complete', 'x', { signal: 5 })],
  ['a callback that is none', () => call('complete', 'x', { onToken: 5 })],
  ['a last callback that is none', () => call('complete', 'x', { onFinish: {} })],
  ['a form that is none', () => call('complete', 'x', { responseFormat: 5 })],
  ['a message that is null', () => call('complete', [null])],
  ['a message without role', () => call('complete', [{ content: 'x' }])],
  ['a message whose content is no text', () => call('complete', [{ role: 'user', content: 5 }])],
  ['tokens among messages', () => call('complete', [1, ...user])],
  ['definitions of tools that are no list', () => call('complete', user, { tools: 5 })],
  ['a definition of a tool that is none', () => call('complete', user, { tools: [{}] })],
  ['a token outside the vocabulary', () => call('forward', [600])],
  ['no token', () => call('forward', [])],
  ['text in place of tokens', () => call('forward', 'abc')],
  ['no tokens', () => call('forward')],
  ['options of forward that are null', () => call('forward', [1], null)],
  ['questions that are no list', () => call('score', 5)],
  ['a question that is none', () => call('score', [5])],
  ['continuations that are no lists', () => call('score', [{ context: [1], continuations: [2] }])],
  ['texts that are no list', () => call('embed', 'x')],
  ['a text that is none', () => call('embed', [5])],
  ['options of embed that are null', () => call('embed', ['x'], null)],
  ['a pooling that does not exist', () => call('embed', ['x'], { pooling: 'sum' })],
  ['a number in a session', () => session('append', 5)],
  ['nothing in a session', () => session('append')],
  ['options of append that are null', () => session('append', 'x', null)],
  ['a state that is none', () => model.restore(new Uint8Array(9))],
  ['a state that is a text', () => model.restore('abc' as never)],
  ['a chat that begins with null', () => chat(null)],
  ['an option of a chat that does not exist', () => chat({ sistem: 'x' })],
  ['a system message that is no text', () => chat({ system: 5 })],
  ['earlier messages that are no list', () => chat({ messages: 5 })],
  ['an earlier message that is none', () => chat({ messages: [5] })],
  ['a saved chat that is no text', () => chat({ saved: 5 })],
  ['tools that are none', () => chat({ tools: 5 })],
  ['a tool that is none', () => chat({ tools: { f: null } })],
  ['a tool without a function', () => chat({ tools: { f: {} } })],
  ['no message', () => chat({})],
  ['options of a message that are null', () => chat({}, 'x', null)],
  ['respond without options', () => call('respond', user)],
  ['respond to what is no list', () => call('respond', 'x', { tools })],
  ['a choice that does not exist', () => call('respond', user, { tools, toolChoice: 'none' })],
  ['a source that is none', () => load({})],
  ['a source that is null', () => load(null)],
  ['options of load that are null', () => load(small.folder, null)],
  ['an option of load that does not exist', () => load(small.folder, { thread: 2 })],
  ['threads that are a text', () => load(small.folder, { threads: '2' })],
  ['progress that is not called', () => load(small.folder, { onProgress: 5 })],
  ['a signal of load that is none', () => load(small.folder, { signal: {} })],
])('%s is an InputError', async (_, misuse) => {
  const found = await (async () => misuse())().catch((error: unknown) => error);
  expect(found).toMatchObject({ name: 'InputError', code: 'invalid-input' });
  expect((found as Error).message).toMatch(/^[^\n]+$/);
  expect((await model.complete('The whale', { maxTokens: 2, stopAtEos: false })).tokens).toHaveLength(2);
});

it('a model that was disposed says so everywhere, and so do its sessions and chats', async () => {
  const gone = await LanguageModel.load(small.folder, { threads: 1 });
  const [session, chat] = [gone.session(), gone.chat()];
  await session.append('x');
  const saved = session.save();
  await gone.dispose();
  const uses: (() => unknown)[] = [
    ...[() => gone.forward([1]), () => gone.score([]), () => gone.embed(['x']), () => gone.complete('x')],
    ...[
      () => gone.respond(user, { tools }),
      () => gone.chat(),
      () => gone.session(),
      () => gone.restore(saved),
    ],
    ...[() => gone.generate('x').next(), () => session.append('x'), () => session.logits()],
    ...[() => session.generate().next(), () => chat.send('x'), () => chat.stream('x').next()],
  ];
  for (const use of uses) {
    const found = await (async () => use())().catch((error: unknown) => error);
    expect([use.toString(), found]).toMatchObject([
      use.toString(),
      { name: 'DisposedError', code: 'disposed' },
    ]);
  }
});

it('what was aborted before it began rejects with the reason, and the model works on', async () => {
  const signal = AbortSignal.abort(new Error('no longer wanted'));
  const uses: (() => Promise<unknown>)[] = [
    ...[() => model.forward([1], { signal }), () => model.embed(['x'], { signal })],
    ...[() => model.complete('x', { signal }), () => model.respond(user, { tools, signal })],
    ...[() => model.session().append('x y z', { signal }), () => model.chat().send('x', { signal })],
    ...[() => model.score([{ context: [1], continuations: [[2]] }], { signal })],
    ...[() => LanguageModel.load(small.folder, { threads: 0, signal })],
  ];
  for (const use of uses) {
    const found = await use().catch((error: unknown) => error);
    expect([use.toString(), found]).toEqual([use.toString(), signal.reason]);
  }
  expect((await model.complete('x', { maxTokens: 2, stopAtEos: false })).tokens).toHaveLength(2);
});

it('a session at work is busy, and a model beside it is not', async () => {
  await using other = await LanguageModel.load(small.folder, { threads: 0 });
  const session = model.session();
  const first = session.append('Call me Ishmael.');
  await expect(session.append('x')).rejects.toMatchObject({ name: 'BusyError', code: 'busy' });
  await Promise.all([first, other.complete('x', { maxTokens: 2 })]);
});

it('two models with threads write at the same time what each writes alone', async () => {
  await using one = await LanguageModel.load(small.folder, { threads: 2 });
  await using two = await LanguageModel.load(small.folder, { threads: 2 });
  const write = (writer: LanguageModel, seed: number) =>
    writer.complete('The whale', { maxTokens: 20, seed, stopAtEos: false });
  const alone = [await write(model, 1), await write(model, 2)];
  expect(await Promise.all([write(one, 1), write(two, 2)])).toEqual(alone);
});

it('a model in a worker thread writes the same, and may end with its worker at work', async () => {
  const source = `const { parentPort, workerData } = require('node:worker_threads');
    import(workerData.library).then(async ({ LanguageModel }) => {
      const model = await LanguageModel.load(workerData.folder, { threads: 2 });
      const { text } = await model.complete('The whale', { maxTokens: 20, temperature: 0 });
      parentPort.postMessage(text);
      await model.complete('x', { maxTokens: 1e6, stopAtEos: false });
    });`;
  const library = new URL('../src/index.ts', import.meta.url).href;
  const worker = new Worker(source, { eval: true, workerData: { library, folder: small.folder } });
  const [text] = await once(worker, 'message');
  const expected = await model.complete('The whale', { maxTokens: 20, temperature: 0 });
  expect(text).toBe(expected.text);
  await worker.terminate();
  expect(await model.complete('The whale', { maxTokens: 20, temperature: 0 })).toEqual(expected);
});

it.runIf(process.platform === 'linux')('loads with threads leave no thread behind', async () => {
  const threads = async () => (await readdir('/proc/self/task')).length;
  const load = async () => {
    await using one = await LanguageModel.load(small.folder, { threads: 2 });
    await one.complete('x', { maxTokens: 1 });
  };
  await load();
  const before = await threads();
  for (let count = 0; count < 10; count++) await load();
  await expect.poll(threads).toBeLessThanOrEqual(before + 2); // twenty, if they stayed
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
