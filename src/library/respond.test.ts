/** Tools and embeddings of the library. */
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest';
import { makeSmallModel, type SmallModel } from '../../test/smallModel.ts';
import { type ChatMessage, type Completion, LanguageModel, type ToolResponse } from '../index.ts';

const isAnswer = ({ role }: ChatMessage) => role === 'assistant';
const textOf = ({ content }: ChatMessage) => content;

describe.each(['matmul-free', 'rwkv', 'llama'] as const)('%s', (architecture) => {
  let small: SmallModel;
  let model: LanguageModel;
  beforeAll(async () => {
    small = await makeSmallModel({ architecture });
    model = await LanguageModel.load(small.folder, { threads: 0 });
  });
  afterAll(async () => {
    await model?.dispose();
    await small?.remove();
  });

  const parameters = {
    type: 'object',
    properties: {
      a: { type: 'integer', minimum: 0, maximum: 9 },
      b: { type: 'integer', minimum: 0, maximum: 9 },
    },
    required: ['a', 'b'],
  };
  const messages = [{ role: 'user', content: 'Add some numbers.' }];
  const options = { temperature: 1, seed: 2, maxTokens: 60, toolChoice: 'required' as const };

  it('calls a tool with arguments of its schema, tells the result, and answers', async () => {
    const seen: unknown[] = [];
    const add = {
      ...{ description: 'Adds.', parameters },
      run: ({ a, b }: { a: number; b: number }) => {
        seen.push({ a, b });
        return { sum: a + b };
      },
    };
    const answer = await model.respond(messages, { ...options, tools: { add } });
    expect(seen).toEqual([{ a: expect.any(Number), b: expect.any(Number) }]);
    const { a, b } = seen[0] as { a: number; b: number };
    expect(answer.calls).toEqual([
      { name: 'add', arguments: JSON.stringify({ a, b }), result: JSON.stringify({ sum: a + b }) },
    ]);
    expect(answer.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant']);
    expect(answer.text).toBe(answer.messages.at(-1)!.content);
  });

  it('answers with tools in a chat, whose history has the calls, also when it was saved', async () => {
    const tools = { add: { parameters, run: ({ a, b }: { a: number; b: number }) => a + b } };
    const chat = model.chat();
    const answer = await chat.respond('Add some numbers.', { ...options, tools });
    expect(answer).toEqual(await model.respond(messages, { ...options, tools }));
    expect(chat.messages).toEqual(answer.messages);
    const saved = model.chat({ saved: chat.save() });
    expect(saved.messages).toEqual(chat.messages);
    const next = await chat.send('And then?', { temperature: 0, maxTokens: 4 });
    expect(await saved.send('And then?', { temperature: 0, maxTokens: 4 })).toEqual(next);
    chat.rewind(0);
    await expect(chat.respond('Add.', { tools: {} })).rejects.toThrow(/tools: found none/);
    expect(chat.messages).toEqual([]);
    await expect(chat.respond(5 as never, { tools })).rejects.toThrow(/message: found number/);
  });

  it('keeps the tools of a chat for every message, and reads the chat once', async () => {
    const seen: unknown[] = [];
    const run = (args: { a: number; b: number }) => {
      seen.push(args);
      return args.a + args.b;
    };
    const tools = { add: { parameters, run } };
    const system = 'You calculate.';
    const chat = model.chat({ system, tools });
    const first = await chat.send('Add some numbers.', options);
    expect(first).toEqual(
      await model.respond([{ role: 'system', content: system }, ...messages], { ...options, tools }),
    );
    expect(first.calls).toHaveLength(1);
    expect(chat.messages).toEqual(first.messages);
    const branch = chat.fork();
    const [before, called] = [chat.messages, seen.length];
    const whole = { ...options, tools };
    const expected = await model.respond([...before, { role: 'user', content: 'Again.' }], whole);
    const pieces: string[] = [];
    for await (const piece of chat.stream('Again.', options)) pieces.push(piece);
    expect(seen.slice(called)).toEqual(seen.slice(called).map(() => seen[called]));
    expect(chat.messages).toEqual(expected.messages);
    expect(pieces.join('')).toBe(
      expected.messages.slice(before.length).filter(isAnswer).map(textOf).join(''),
    );
    expect(await branch.send('Again.', options)).toEqual(expected);
    chat.rewind(before.length);
    expect(await chat.send('Again.', options)).toEqual(expected);
    const saved = model.chat({ saved: chat.save(), tools });
    expect((await saved.send('More.', options)).messages).toEqual(
      (await chat.send('More.', options)).messages,
    );
  });

  it('reads what is new in a chat with tools, and keeps what an abort leaves', async () => {
    const tools = { add: { parameters, run: () => 0 } };
    const chat = model.chat({ tools });
    const totals: number[] = [];
    const onRead = (_: number, total: number) => totals.push(total);
    const silent = { temperature: 0, maxTokens: 3, onRead };
    for (const message of ['Hi.', 'And you?']) expect((await chat.send(message, silent)).calls).toEqual([]);
    expect(totals[1]).toBeLessThan(totals[0]! / 2); // the first message brought the tools
    const abort = new AbortController();
    const { signal } = abort;
    const aborted = { ...silent, maxTokens: 60, signal, onToken: () => abort.abort() };
    for await (const _ of chat.stream('Tell me more.', aborted));
    expect(chat.messages.map(({ role }) => role)).toEqual(
      Array.from({ length: 3 }, () => ['user', 'assistant']).flat(),
    );
    await expect(chat.send('More.', { ...silent, signal })).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('refuses tools that are wrong when a chat begins, and options of tools without them', async () => {
    expect(() => model.chat({ tools: {} })).toThrow(/^tools: found none/);
    expect(() => model.chat({ tools: { 'a b': { run: () => 0 } } })).toThrow(/^tools\[0\]/);
    const chat = model.chat({ system: 'Be brief.' });
    await expect(chat.send('Hi.', { toolChoice: 'required' })).rejects.toThrow(/^toolChoice: no such option/);
    expectTypeOf(chat.send).returns.resolves.toEqualTypeOf<Completion>();
    expectTypeOf(
      model.chat({ tools: { f: { run: () => 0 } } }).send,
    ).returns.resolves.toEqualTypeOf<ToolResponse>();
  });

  it('embeds texts alike, alone and in a batch; truncated and normalised', async () => {
    const texts = ['The whale', 'A ship sails over the wide, wide sea tonight.', 'The whale'];
    for (const pooling of ['mean', 'last', ...(architecture === 'llama' ? [] : ['state'])] as const) {
      const [one, two, three] = (await model.embed(texts, { pooling: pooling as 'mean' })) as [
        ...[Float32Array, Float32Array, Float32Array],
      ];
      expect(one).toEqual(three);
      const [alone] = await model.embed([texts[1]!], { pooling: pooling as 'mean' });
      for (const [at, x] of two.entries()) expect(x).toBeCloseTo(alone![at]!, 5);
      expect(Math.hypot(...one)).toBeCloseTo(1, 5);
      const [short] = await model.embed(texts, { pooling: pooling as 'mean', dimensions: 8 });
      expect(short).toHaveLength(8);
      expect(Math.hypot(...short!)).toBeCloseTo(1, 5);
    }
    const standard = architecture === 'matmul-free' ? 'state' : 'mean';
    expect(await model.embed(texts)).toEqual(await model.embed(texts, { pooling: standard }));
    const wrong = (asked: object) => model.embed(texts, asked);
    await expect(wrong({ layer: 4, pooling: 'mean' })).rejects.toThrow(
      'layer: found 4, expected an integer from 0 to 3',
    );
    await expect(wrong({ dimensions: 0 })).rejects.toThrow(/^dimensions: found 0/);
    await expect(wrong({ pooling: 'max' })).rejects.toThrow(/^pooling: found "max"/);
    await expect(model.embed([[]])).rejects.toThrow(/found no token/);
    if (architecture === 'llama')
      await expect(wrong({ pooling: 'state' })).rejects.toThrow(/no recurrent state/);
  });

  it('the last hidden state is that of which the head makes the logits', async () => {
    const [last] = await model.embed(['The whale'], { pooling: 'last', normalise: false });
    const [mean] = await model.embed(['The whale'], { pooling: 'mean', normalise: false });
    expect(last).not.toEqual(mean);
    const ids = model.tokenizer!.encode('The whale');
    const [first] = await model.embed([ids.slice(0, 1)], { pooling: 'mean', normalise: false });
    const [onlyLast] = await model.embed([ids.slice(0, 1)], { pooling: 'last', normalise: false });
    expect(first).toEqual(onlyLast); // the mean of one
  });
});

describe('tools', () => {
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
  const messages = [{ role: 'user', content: 'Go.' }];
  const options = { temperature: 0, maxTokens: 40, toolChoice: 'required' as const };

  it('may have a schema of a validation library, and errors are told to the model', async () => {
    const schema = v.object({ n: v.pipe(v.number(), v.maxValue(-1)) });
    const standard = {
      '~standard': {
        ...schema['~standard'],
        jsonSchema: { input: () => ({ type: 'object', properties: { n: { enum: [5] } }, required: ['n'] }) },
      },
    };
    const refused = await model.respond(messages, {
      ...options,
      tools: { f: { parameters: standard, run: () => 'never' } },
    });
    expect(refused.calls[0]!.result).toMatch(/^Error: Invalid value: Expected <=-1/);
    const run = () => {
      throw new Error('no network');
    };
    const failed = await model.respond(messages, { ...options, tools: { f: { run } } });
    expect(failed.calls).toEqual([{ name: 'f', arguments: '{}', result: 'Error: no network' }]);
  });

  it('stop at a limit, and are refused by name if they are wrong', async () => {
    const tools = { f: { run: () => 'x' } };
    await expect(model.respond(messages, { ...options, tools, maxSteps: 1 })).rejects.toThrow(
      /still calls tools after 1/,
    );
    await expect(model.respond(messages, { ...options, tools: {} })).rejects.toThrow(/tools: found none/);
    await expect(model.respond(messages, { ...options, tools: { 'a b': tools.f } })).rejects.toThrow(
      /^tools\[0\]/,
    );
    const parameters = v.object({});
    await expect(
      model.respond(messages, { ...options, tools: { f: { ...tools.f, parameters } } }),
    ).rejects.toThrow(/this schema of valibot gives no JSON schema/);
  });
});
