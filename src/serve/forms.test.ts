/** Answers in the form that a request asks for, through the library, the server and its clients. */
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { meets } from '../generate/constraint/testing.ts';
import { startTestServer, type TestServer } from './testing.ts';

let server: TestServer;
let openai: OpenAI;
beforeAll(async () => {
  server = await startTestServer({ slots: 8 });
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(() => server?.close());

const schema = {
  type: 'object',
  properties: {
    name: { type: 'string', maxLength: 8 },
    age: { type: 'integer', minimum: 0, maximum: 120 },
    mood: { enum: ['good', 'bad'] },
  },
  required: ['name', 'age', 'mood'],
  additionalProperties: false,
};
const messages = [{ role: 'user' as const, content: 'Who are you?' }];
const base = { model: 'small', messages, max_tokens: 200 };
const format = { type: 'json_schema' as const, json_schema: { name: 'person', schema, strict: true } };

describe('the library', () => {
  it('in a session and a chat, whose state then holds what was forced too', async () => {
    const responseFormat = { type: 'json' as const, schema };
    const session = server.model.session();
    let text = '';
    for await (const piece of session.generate({ responseFormat, temperature: 0 })) text += piece;
    expect(meets(schema, text)).toBe(true);
    const again = server.model.session();
    const bos = server.model.tokenizer!.bosTokenId!;
    await again.append([bos, ...server.model.tokenizer!.encode(text, { addSpecialTokens: false })]);
    const more = { temperature: 0, maxTokens: 8 };
    const rest = async (of: typeof session) => {
      let found = '';
      for await (const piece of of.generate(more)) found += piece;
      return found;
    };
    expect(session.tokens).toBe(again.tokens);
    expect(await rest(session)).toBe(await rest(again));
    const chat = server.model.chat();
    const { text: answer } = await chat.send('Who?', { responseFormat: { choice: ['I.', 'You.'] } });
    expect(['I.', 'You.']).toContain(answer);
    expect((await chat.send('Why?', { maxTokens: 4, stopAtEos: false })).tokens).toHaveLength(4);
  });

  it('refuses what it cannot do', async () => {
    const wrong = server.model.complete('x', { responseFormat: { regex: '(' } });
    await expect(wrong).rejects.toThrow(/^responseFormat: regular expression: expected "\)"/);
  });
});

describe('the server', () => {
  it('answers with JSON of the schema, as the library does, several choices at once, streamed', async () => {
    for (const temperature of [0, 1]) {
      const options = { temperature, seed: 3, n: 3, response_format: format };
      const { choices } = await openai.chat.completions.create({ ...base, ...options });
      for (const { message, finish_reason } of choices) {
        expect(finish_reason).toBe('stop');
        expect(meets(schema, message.content!), message.content!).toBe(true);
      }
      const alone = await server.model.complete(messages, {
        ...{ temperature, seed: 3, maxTokens: 200, responseFormat: { type: 'json', schema } },
      });
      expect(choices[0]!.message.content).toBe(alone.text);
      const stream = await openai.chat.completions.create({ ...base, ...options, stream: true });
      const texts = ['', '', ''];
      for await (const { choices: parts } of stream)
        for (const { index, delta } of parts) texts[index] += delta.content ?? '';
      expect(texts).toEqual(choices.map(({ message }) => message.content));
    }
  });

  it("knows json_object, and vLLM's names, in completions too", async () => {
    const ask = async (fields: object) => {
      const { choices } = await server.complete({ prompt: 'x', max_tokens: 40, temperature: 0, ...fields });
      return choices[0]!.text;
    };
    expect(await ask({ guided_regex: '[ab]{3}' })).toMatch(/^[ab]{3}$/);
    expect(await ask({ guided_choice: ['red', 'blue'] })).toMatch(/^(red|blue)$/);
    expect(await ask({ guided_grammar: 'root ::= "(" [0-9] ")"' })).toMatch(/^\(\d\)$/);
    expect(meets(schema, await ask({ guided_json: schema, max_tokens: 200 }))).toBe(true);
    expect(meets(schema, await ask({ guided_json: JSON.stringify(schema), max_tokens: 200 }))).toBe(true);
    expect(await ask({ response_format: { type: 'json_object' }, max_tokens: 3 })).toMatch(/^\{/);
  });

  it('says that an answer was cut off, and continues from it in a session', async () => {
    const answer = await openai.chat.completions.create({ ...base, response_format: format, max_tokens: 3 });
    expect(answer.choices[0]!.finish_reason).toBe('length');
    const begin = { messages, max_tokens: 40, temperature: 0, return_state: true, response_format: format };
    const first = (await (await server.post('/v1/chat/completions', begin)).json()) as { state: string };
    const next = { ...begin, state: first.state, response_format: undefined, max_tokens: 4 };
    expect((await server.post('/v1/chat/completions', next)).status).toBe(200);
  });

  it('gives log-probabilities of every token', async () => {
    const { choices } = await openai.chat.completions.create({
      ...{ ...base, response_format: format, logprobs: true, temperature: 0 },
    });
    const tokens = choices[0]!.logprobs!.content!;
    const bytes = tokens.flatMap((token) => token.bytes!);
    expect(Buffer.from(bytes).toString('utf8')).toBe(choices[0]!.message.content);
    expect(tokens.every(({ logprob }) => logprob < 0)).toBe(true);
  });

  it.each([
    [
      { response_format: { type: 'json_schema', json_schema: { schema: { not: {} } } } },
      /^response_format: schema: the keyword "not"/,
    ],
    [{ response_format: { type: 'xml' } }, /^response_format\.type: found "xml"/],
    [{ guided_regex: 'a', guided_choice: ['b'] }, /^guided_choice: found guided_regex too/],
    [{ guided_json: '{' }, /^guided_json: found a text that is not JSON/],
    [{ guided_grammar: 'root ::= x' }, /^guided_grammar: found no rule "x"/],
  ])('refuses %j by name', async (fields, message) => {
    const response = await server.post('/v1/chat/completions', { messages, ...fields });
    expect(response.status).toBe(400);
    expect(((await response.json()) as { error: { message: string } }).error.message).toMatch(message);
  });

  it('serves others while strangers send hostile forms', async () => {
    const depth = 3000;
    const nested = `${'{"type":"array","items":'.repeat(depth)}{}${'}'.repeat(depth)}`;
    const hostile = [
      `{"prompt": "x", "guided_json": ${nested}}`,
      { prompt: 'x', max_tokens: 50, guided_regex: '((a{1,1000}){1,1000}){1,1000}' },
      { prompt: 'x', max_tokens: 50, guided_regex: '(.*){1,50}(.{0,100}){1,50}' },
    ];
    const attacks = hostile.map((body) => server.post('/v1/completions', body));
    const good = Array.from({ length: 8 }, () =>
      server.complete({ prompt: 'Call me', temperature: 0, max_tokens: 8 }),
    );
    const answers = await Promise.all(good);
    expect(new Set(answers.map(({ choices }) => choices[0]!.text)).size).toBe(1);
    for (const response of await Promise.all(attacks)) expect([200, 400]).toContain(response.status);
  });
});
