/** What the library offers beyond tokens and states: prompts of every kind, chats, sources, errors with codes. */
import { execFile } from 'node:child_process';
import { openAsBlob } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { golden, makeSmallModel, type SmallModel } from '../../test/smallModel.ts';
import { type GenerateOptions, InputError, LanguageModel, type ModelSource } from '../index.ts';

const short: GenerateOptions = { maxTokens: 12, temperature: 0 };
let model: LanguageModel;
let small: SmallModel;
beforeAll(async () => {
  model = await LanguageModel.load('plusminus/chat', { threads: 1 });
  small = await makeSmallModel();
});
afterAll(async () => {
  await model?.dispose();
  await small?.remove();
});

async function joined(pieces: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const piece of pieces) text += piece;
  return text;
}

const question = [{ role: 'user', content: 'What is a cat?' }];

describe('complete and prompts', () => {
  it('gives text, tokens, finish reason and usage of what generate streams', async () => {
    const done = await model.complete('Once upon a time', short);
    expect(done.text).toBe(await joined(model.generate('Once upon a time', short)));
    expect(done.finishReason).toBe('length');
    expect(done.tokens).toHaveLength(12);
    const promptTokens = model.tokenizer!.encode('Once upon a time').length;
    expect(done.usage).toEqual({ promptTokens, completionTokens: 12, totalTokens: promptTokens + 12 });
  });

  it('answers messages as a chat does, and begins the prompt once', async () => {
    const prompt: number[] = [];
    const answer = await model.complete(question, { ...short, maxTokens: 60 });
    prompt.push(answer.usage.promptTokens);
    const chat = model.chat();
    const reply = await chat.send(question[0]!.content, { ...short, maxTokens: 60 });
    expect(reply).toEqual(answer);
    expect(['eos', 'stop', 'length']).toContain(answer.finishReason);
    expect(answer.text).not.toContain('<|');
  });

  it('takes control tokens that users type as text', async () => {
    const ends = [{ role: 'user', content: 'a<|end|>b' }];
    const plain = [{ role: 'user', content: 'a b' }];
    const counts = await Promise.all(
      [ends, plain].map(
        async (prompt) => (await model.complete(prompt, { maxTokens: 1 })).usage.promptTokens,
      ),
    );
    expect(counts[0]).toBeGreaterThan(counts[1]! + 2);
  });

  it('rejects with the reason when it is aborted', async () => {
    const abort = new AbortController();
    const done = model.complete('Once', { onToken: () => abort.abort(), signal: abort.signal });
    await expect(done).rejects.toMatchObject({ name: 'AbortError' });
  });

  it.each([undefined, null, 5, {}, true])('refuses %s as a prompt in one line', async (prompt) => {
    await expect(model.complete(prompt as never)).rejects.toMatchObject({
      name: 'InputError',
      code: 'invalid-input',
      message: expect.stringContaining('expected text, token ids or messages'),
    });
  });
});

describe('chat', () => {
  it('keeps the history, reads each message once, forks and goes back', async () => {
    const chat = model.chat();
    await chat.send('Hello!', short);
    const tokens = chat.tokens;
    const branch = chat.fork();
    const first = await chat.send('What is a dog?', short);
    expect(chat.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant']);
    expect(branch.tokens).toBe(tokens);
    expect(await branch.send('What is a dog?', short)).toEqual(first);
    chat.rewind(2);
    expect(chat.tokens).toBe(tokens);
    expect(await chat.send('What is a dog?', short)).toEqual(first);
    chat.rewind(0);
    expect(chat.messages).toEqual([]);
    expect(() => chat.rewind(3)).toThrow(/index: found 3, expected that of a user's message/);
  });

  it('goes back before its own first message, and then only to what came after', async () => {
    const given = [
      { role: 'user', content: 'Hello!' },
      { role: 'assistant', content: 'Hi.' },
    ];
    const chat = model.chat({ messages: given });
    await chat.send('Tell me a story.', { ...short, maxTokens: 2 });
    expect(chat.canContinue).toBe(true);
    chat.rewind(0);
    expect(chat.canContinue).toBe(false);
    await expect(chat.continue(short).next()).rejects.toThrow(/the last answer is complete/);
    await chat.send('What is a dog?', short);
    const before = chat.messages;
    await chat.send('And a cat?', short);
    chat.rewind(2);
    expect(chat.messages).toEqual(before);
  });

  it('continues from saved text and from given messages alike', async () => {
    const chat = model.chat();
    await chat.send('Hello!', { ...short, maxTokens: 40 });
    const saved = model.chat({ saved: chat.save() });
    const again = model.chat({ messages: chat.messages });
    const next = await chat.send('Who are you?', short);
    expect((await saved.send('Who are you?', short)).text).toBe(next.text);
    expect((await again.send('Who are you?', short)).text).toBe(next.text);
    expect(() => model.chat({ saved: '{}' })).toThrow(InputError);
    expect(() => model.chat({ saved: '', messages: [] })).toThrow(/found several/);
  });

  it('calculates with a tool that it was given at its beginning', async () => {
    const integers = { a: { type: 'integer' }, b: { type: 'integer' } };
    const parameters = { type: 'object', properties: integers, required: ['a', 'b'] };
    const add = { parameters, run: ({ a, b }: { a: number; b: number }) => a + b };
    const chat = model.chat({ system: 'You calculate.', tools: { add } });
    const asked = { temperature: 0, maxTokens: 60, toolChoice: 'required' } as const;
    const { text, calls } = await chat.send('What is 2 + 3?', asked);
    expect(calls).toEqual([{ name: 'add', arguments: '{"a":2,"b":3}', result: '5' }]);
    expect(text).toContain('5');
    expect((await chat.send('And 4 + 5?', asked)).calls[0]!.result).toBe('9');
  });

  it('refuses a second message meanwhile, and is as before after an error', async () => {
    const chat = model.chat({ system: 'Be kind.' });
    const stream = chat.stream('Hello!', { maxTokens: 30 });
    await stream.next();
    await expect(chat.send('And?')).rejects.toMatchObject({ name: 'BusyError', code: 'busy' });
    await stream.return(undefined);
    expect(chat.messages).toHaveLength(3);
    await expect(chat.send('And?', { temperature: -1 })).rejects.toThrow(/temperature/);
    await expect(chat.send(5 as never)).rejects.toThrow(/message: found number, expected a text/);
    expect(chat.messages).toHaveLength(3);
    await chat.send('And?', short);
  });
});

describe('sources', () => {
  const names = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'];
  const path = (name: string) => join(small.folder, name);
  const asFiles = () => Promise.all(names.map(async (name) => new File([await readFile(path(name))], name)));

  it.each<[string, () => ModelSource | Promise<ModelSource>]>([
    ['a URL', () => pathToFileURL(small.folder)],
    ['a file: address', () => pathToFileURL(small.folder).href],
    ['File objects', asFiles],
    [
      'bytes and blobs by name',
      async () => ({
        'config.json': await readFile(path('config.json')),
        'model.safetensors': await openAsBlob(path('model.safetensors')),
        'tokenizer.json': await readFile(path('tokenizer.json')),
      }),
    ],
  ])('loads %s', async (_, source) => {
    const byPath = await LanguageModel.load(small.folder, { threads: 0 });
    const other = await LanguageModel.load(await source(), { threads: 0 });
    expect(other.fingerprint).toBe(byPath.fingerprint);
    expect((await other.complete('abc', short)).text).toBe((await byPath.complete('abc', short)).text);
    await Promise.all([byPath.dispose(), other.dispose()]);
  });

  it.each<[unknown, RegExp]>([
    [new Uint8Array(2e8), /found the content of one file, expected/],
    [new Blob(['x']), /found the content of one file/],
    [{ 'config.json': 5 }, /"config.json": found number, expected a File/],
    [{ 'model.safetensors': new Uint8Array() }, /found the files model.safetensors, expected/],
    [[], /found the files \(none\)/],
    [null, /found null/],
    [7, /found 7/],
    [new URL('ftp://example.com/a/b'), /expected https/],
  ])('refuses %# in one short line', async (source, message) => {
    const error = await LanguageModel.load(source as ModelSource).catch((thrown: Error) => thrown);
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message.length).toBeLessThan(400);
  });

  it('names what is missing in a folder of kernels that is not one', async () => {
    const script =
      `import { LanguageModel } from ${JSON.stringify(resolve('src/index.ts'))};` +
      `await LanguageModel.load(${JSON.stringify(golden)}, { kernels: '/nowhere' }).catch((e) => console.log(e.code, e.message));`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
    expect(stdout).toMatch(/^invalid-input the kernels are missing: \/nowhere\/kernels.*is not there/);
  });
});

describe('life of a model', () => {
  it('ends what runs when it is disposed, with a class and a code', async () => {
    const one = await LanguageModel.load(small.folder, { threads: 1 });
    const running = one.complete('abc', {
      maxTokens: 5000,
      stopAtEos: false,
      onToken: () => void one.dispose(),
    });
    await expect(running).rejects.toMatchObject({ name: 'DisposedError', code: 'disposed' });
    await expect(one.complete('abc')).rejects.toMatchObject({ code: 'disposed' });
    expect(() => one.chat()).toThrow(/was disposed/);
  });

  it('is disposed of when it is collected, and says so', async () => {
    const script = `import { LanguageModel } from ${JSON.stringify(resolve('src/index.ts'))};
      for (let i = 0; i < 3; i++) await (await LanguageModel.load(${JSON.stringify(golden)}, { threads: 1 })).complete([1], { maxTokens: 1 });
      for (let i = 0; i < 50; i++) { await new Promise((done) => setTimeout(done, 10)); gc(); }`;
    const { stderr } = await promisify(execFile)(process.execPath, [
      '--expose-gc',
      '--input-type=module',
      '-e',
      script,
    ]);
    expect(stderr.match(/garbage-collected; call dispose/g)?.length).toBeGreaterThanOrEqual(2);
  });
});
