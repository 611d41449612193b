/** Fields that ask for nothing change no answer, whatever client sends them; and what tells of the model and its tokens. */
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from './testing.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server?.close());

interface Chat {
  readonly choices: readonly { readonly message: object & { readonly content: string } }[];
}

const messages = [{ role: 'user', content: 'Who are you?' }];
const greedy = { messages, temperature: 0, max_tokens: 6 };

async function chat(fields: object): Promise<{ status: number; body: Chat; text: string }> {
  const response = await server.post('/v1/chat/completions', { ...greedy, ...fields });
  const text = await response.text();
  return { status: response.status, body: JSON.parse(text) as Chat, text };
}

it.each([
  ['GET', '/', 'a route such as POST /v1/chat/completions'],
  ['GET', '/v1/chat/completions', 'POST /v1/chat/completions'],
  ['POST', '/chat/completions', 'POST /v1/chat/completions'], // a base URL without /v1
  ['POST', '/v1/sessions/a', 'GET /v1/sessions/:id or PUT /v1/sessions/:id or DELETE'],
])('%s %s is answered with the route that may be meant', async (method, path, expected) => {
  const response = await fetch(server.url + path, { method });
  expect(response.status).toBe(404);
  expect(await response.text()).toContain(`found no ${method} ${path}, expected ${expected}`);
});

describe('fields that ask for nothing', () => {
  it.each([
    { tools: [], tool_choice: 'none', parallel_tool_calls: false },
    { functions: [], function_call: null, audio: null, prediction: {} },
    { store: false, metadata: {}, service_tier: 'auto', user: '', prompt_cache_key: null },
    { seed: -1, top_k: -1, min_p: 0, logit_bias: {}, stop: [] },
    { response_format: null, modalities: null, stream_options: {}, web_search_options: null },
    { reasoning_effort: 'none', verbosity: null, suffix: '' },
  ])('%j', async (fields) => {
    const plain = await chat({});
    const found = await chat(fields);
    expect(found.status, found.text).toBe(200);
    expect(found.body.choices).toEqual(plain.body.choices);
  });

  it('max_tokens: -1 is the default', async () => {
    const { status, text } = await chat({ max_tokens: -1, max_completion_tokens: 2 });
    expect(status, text).toBe(200);
    const completion = { prompt: 'a', temperature: 0 };
    const [one, other] = [
      await server.complete(completion),
      await server.complete({ ...completion, max_tokens: -1 }),
    ];
    expect(other.choices).toEqual(one.choices);
  });

  it('of an answer that is sent back, null or empty', async () => {
    const answer = { role: 'assistant', content: 'I.' };
    const after = { role: 'user', content: 'Why?' };
    const plain = await chat({ messages: [...messages, answer, after] });
    const empty = { refusal: '', annotations: [], tool_calls: [], function_call: null, audio: null };
    for (const more of [empty, { refusal: null, reasoning_content: '', parsed: null, tool_calls: null }]) {
      const { status, text, body } = await chat({ messages: [...messages, { ...answer, ...more }, after] });
      expect(status, text).toBe(200);
      expect(body.choices).toEqual(plain.body.choices);
    }
    expect(
      (await chat({ messages: [...messages, { role: 'assistant', content: null }, after] })).status,
    ).toBe(200);
  });

  it.each([
    [{ web_search_options: {} }, /^web_search_options: this server does not support it/],
    [{ nothing: null }, /^nothing: no such field/],
    [{ seed: -2 }, /^seed: found -2, expected an integer from 0 to /],
    [{ messages: [{ role: 'user', content: null }] }, /^messages\[0\]: .*expected a message with content/],
    [
      { messages: [...messages, { role: 'assistant', content: '', refusal: 'no' }] },
      /refusal: found "no", expected nothing/,
    ],
    [
      { messages: [...messages, { role: 'assistant', content: '', thoughts: '' }] },
      /thoughts: no such field/,
    ],
  ])('but others are refused by name: %j', async (fields, message) => {
    const { status, text } = await chat(fields);
    expect(status).toBe(400);
    expect(JSON.parse(text).error.message).toMatch(message);
  });
});

describe('the model and its tokens', () => {
  it('/v1/models gives sizes', async () => {
    const response = await fetch(`${server.url}/v1/models/small`);
    const { model } = server;
    expect(await response.json()).toMatchObject({
      max_model_len: 32_768 + 4096,
      details: {
        ...{ architecture: 'hgrn_bit', vocabulary: 600, hidden_size: 96, layers: 3 },
        ...{ context_length: null, chat_template: true, parameters: expect.any(Number) },
      },
    });
    expect(model.config.layers).toBe(3);
  });

  it('/tokenize and /detokenize are the tokenizer', async () => {
    const { tokenizer } = server.model;
    const text = 'The white whale, <|end|> é';
    const ids = tokenizer!.encode(text);
    const tokenize = async (body: object) => (await server.post('/tokenize', body)).json();
    expect(await tokenize({ prompt: text })).toEqual({
      count: ids.length,
      max_model_len: 36_864,
      tokens: ids,
    });
    const strings = (await tokenize({ prompt: text, return_token_strs: true })) as { token_strs: string[] };
    expect(strings.token_strs).toEqual(ids.map((id) => tokenizer!.token(id)));
    expect(await (await server.post('/detokenize', { tokens: ids })).json()).toEqual({
      prompt: `<|endoftext|>${text}`, // special tokens are shown
    });
    const answered = await server.post('/v1/chat/completions', { ...greedy });
    const { usage } = (await answered.json()) as { usage: { prompt_tokens: number } };
    expect(await tokenize({ messages })).toMatchObject({ count: usage.prompt_tokens });
  });

  it('refuse what is wrong by name', async () => {
    const refusal = async (path: string, body: object) =>
      ((await (await server.post(path, body)).json()) as { error: { message: string } }).error.message;
    expect(await refusal('/detokenize', { tokens: [600] })).toBe(
      'tokens: found token 600, expected ids below 600',
    );
    expect(await refusal('/detokenize', {})).toBe('tokens: found none, expected one');
    expect(await refusal('/tokenize', { text: 'a' })).toBe('text: no such field');
    expect(await refusal('/tokenize', { prompt: 'a', model: 'other' })).toMatch(/^model: found "other"/);
  });
});

describe('/v1/embeddings', () => {
  it('are those of the library, as floats and in base64', async () => {
    const openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
    const input = ['The whale', 'A ship'];
    const own = await server.model.embed(input);
    // The client asks for base64 unless told otherwise.
    for (const format of [{}, { encoding_format: 'float' as const }]) {
      const { data, usage } = await openai.embeddings.create({ model: 'small', input, ...format });
      for (const [at, { embedding }] of data.entries())
        for (const [i, x] of embedding.entries()) expect(x).toBeCloseTo(own[at]![i]!, 5);
      expect(usage.prompt_tokens).toBe(
        input.reduce((sum, text) => sum + server.model.tokenizer!.encode(text).length, 0),
      );
    }
    const [first] = (await openai.embeddings.create({ model: 'small', input: 'The whale', dimensions: 4 }))
      .data;
    expect(first!.embedding).toHaveLength(4);
    const ids = { model: 'small', input: [server.model.tokenizer!.encode('The whale')] };
    expect((await openai.embeddings.create(ids)).data[0]!.embedding[0]).toBeCloseTo(own[0]![0]!, 5);
  });

  it.each([
    [{ input: [] }, /^input: found 0 texts/],
    [{ input: [[]] }, /text 0: |found no token/],
    [{ input: [[600]] }, /^input\[0\]: found token 600/],
    [{ input: 'a', dimensions: 97 }, /^dimensions: found 97, expected an integer from 1 to 96/],
    [{ input: 'a', encoding_format: 'int8' }, /^encoding_format: found "int8"/],
    [{ input: 'the '.repeat(9000) }, /found 9\d+ tokens, expected at most 8192/],
    [{}, /^input: found none/],
  ])('refuse %j', async (body, message) => {
    const response = await server.post('/v1/embeddings', body);
    expect(response.status).toBe(400);
    expect(((await response.json()) as { error: { message: string } }).error.message).toMatch(message);
  });
});
