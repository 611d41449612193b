/** The server as real clients meet it: OpenAI's own, and the AI SDK's. */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { embedMany, generateText, isStepCount, jsonSchema, Output, streamText, tool } from 'ai';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chatFormatOf } from '../generate/chatFormat.ts';
import { startTestServer, type TestServer, textOf } from './testing.ts';

let server: TestServer;
let openai: OpenAI;
const key = 'secret-key';

beforeAll(async () => {
  server = await startTestServer({}, { apiKeys: ['another', key] });
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: key, maxRetries: 0 });
});
afterAll(() => server?.close());

const model = 'small';
const prompt = 'Call me Ishmael. Some years ago';
const greedy = { model, temperature: 0, max_tokens: 12 } as const;
const sampled = { temperature: 1.1, topP: 0.9, seed: 7, maxTokens: 12 };

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** log p of each token of a text given those before, by the model itself, in float64. */
async function logprobsOf(tokens: readonly number[]): Promise<number[]> {
  const { logits } = await server.model.forward(tokens);
  const width = server.model.config.vocabSize;
  return tokens.slice(1).map((id, at) => {
    const row = [...logits.subarray(at * width, (at + 1) * width)];
    const max = Math.max(...row);
    return row[id]! - max - Math.log(row.reduce((sum, x) => sum + Math.exp(x - max), 0));
  });
}

describe('openai: models', () => {
  it('lists and retrieves the model', async () => {
    const models = await collect(await openai.models.list());
    expect(models.map(({ id }) => id)).toEqual([model]);
    expect(await openai.models.retrieve(model)).toMatchObject({ id: model, object: 'model' });
    await expect(openai.models.retrieve('other')).rejects.toThrow(OpenAI.NotFoundError);
  });

  it('asks for a key', async () => {
    const stranger = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'wrong', maxRetries: 0 });
    await expect(stranger.models.list()).rejects.toThrow(OpenAI.AuthenticationError);
    await expect(stranger.completions.create({ ...greedy, prompt })).rejects.toThrow(/expected "Bearer"/);
  });
});

describe('openai: completions', () => {
  it('gives the text that the model gives', async () => {
    const expected = await textOf(server.model.generate(prompt, { temperature: 0, maxTokens: 12 }));
    const { choices, usage } = await openai.completions.create({ ...greedy, prompt });
    expect(choices).toEqual([{ index: 0, text: expected, logprobs: null, finish_reason: 'length' }]);
    const promptTokens = server.model.tokenizer!.encode(prompt).length;
    expect(usage).toMatchObject({ prompt_tokens: promptTokens, completion_tokens: 12 });
    const random = await openai.completions.create({
      ...{ model, prompt, temperature: 1.1, top_p: 0.9, seed: 7, max_tokens: 12 },
    });
    expect(random.choices[0]!.text).toBe(await textOf(server.model.generate(prompt, sampled)));
  });

  it('streams the same text, with usage at the end if asked', async () => {
    const whole = await openai.completions.create({ ...greedy, prompt });
    const options = { include_usage: true };
    const stream = await openai.completions.create({
      ...greedy,
      prompt,
      stream: true,
      stream_options: options,
    });
    const chunks = await collect(stream);
    const texts = chunks.flatMap(({ choices }) => choices.map(({ text }) => text));
    expect(texts.length).toBeGreaterThan(3);
    expect(texts.join('')).toBe(whole.choices[0]!.text);
    expect(chunks.flatMap(({ choices }) => choices.map((c) => c.finish_reason)).at(-1)).toBe('length');
    expect(chunks.at(-1)!.usage).toMatchObject({ completion_tokens: 12 });
    const plain = await collect(await openai.completions.create({ ...greedy, prompt, stream: true }));
    expect(plain.every(({ usage }) => usage === undefined)).toBe(true);
  });

  it('answers several prompts, texts or tokens, and several choices of each', async () => {
    const texts = ['Call me', 'The whale', ''];
    const n = 3;
    const { choices } = await openai.completions.create({
      ...{ model, prompt: texts, n, seed: 5, max_tokens: 6, temperature: 1 },
    });
    const inOrder = [...choices].sort((a, b) => a.index - b.index);
    expect(inOrder.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    for (const [p, text] of texts.entries()) {
      for (let c = 0; c < n; c++) {
        const options = { seed: 5 + c, maxTokens: 6, temperature: 1 };
        expect(inOrder[p * n + c]!.text).toBe(await textOf(server.model.generate(text, options)));
      }
    }
    const ids = texts.slice(0, 2).map((text) => server.model.tokenizer!.encode(text));
    const byIds = await openai.completions.create({ ...greedy, prompt: ids });
    const byTexts = await openai.completions.create({ ...greedy, prompt: texts.slice(0, 2) });
    expect(byIds.choices.map(({ text }) => text)).toEqual(byTexts.choices.map(({ text }) => text));
  });

  it("scores a prompt: echo's log-probabilities are those of LanguageModel.forward", async () => {
    const tokens = server.model.tokenizer!.encode(`${prompt} - never mind how long precisely.`.repeat(12));
    expect(tokens.length).toBeGreaterThan(256); // several steps
    const expected = await logprobsOf(tokens);
    const { choices } = await openai.completions.create({
      ...{ ...greedy, prompt: [tokens], max_tokens: 0, echo: true, logprobs: 1 },
    });
    const { token_logprobs, top_logprobs, text_offset, tokens: names } = choices[0]!.logprobs!;
    expect(token_logprobs).toHaveLength(tokens.length);
    expect(token_logprobs![0]).toBeNull();
    for (const [i, value] of expected.entries()) expect(token_logprobs![i + 1]).toBeCloseTo(value, 10);
    expect(choices[0]!.text).toBe(server.model.tokenizer!.decode(tokens));
    expect(names!.slice(1).join('')).toBe(choices[0]!.text);
    expect(text_offset!.at(-1)).toBe(choices[0]!.text.length - names!.at(-1)!.length);
    // A harness takes a token for the greedy one if its value is the greatest of the list.
    for (const [i, top] of top_logprobs!.entries()) {
      if (i > 0) expect(Math.max(...Object.values(top!))).toBeGreaterThanOrEqual(token_logprobs![i]!);
    }
  });

  it('tells the log-probability of each generated token', async () => {
    const { choices } = await openai.completions.create({ ...greedy, prompt, logprobs: 3, echo: true });
    const { tokens, token_logprobs, top_logprobs, text_offset } = choices[0]!.logprobs!;
    const ids: number[] = [];
    await textOf(
      server.model.generate(prompt, { temperature: 0, maxTokens: 12, onToken: (id) => ids.push(id) }),
    );
    const all = [...server.model.tokenizer!.encode(prompt), ...ids];
    expect(tokens).toHaveLength(all.length);
    for (const [i, value] of (await logprobsOf(all)).entries())
      expect(token_logprobs![i + 1]).toBeCloseTo(value, 10);
    const first = all.length - ids.length;
    expect(text_offset![first]).toBe(prompt.length);
    for (let i = first; i < all.length; i++)
      expect(Math.max(...Object.values(top_logprobs![i]!))).toBe(token_logprobs![i]); // greedy
  });

  it('scores as lm-evaluation-harness asks: one token more, which may be the eos token', async () => {
    const tokenizer = server.model.tokenizer!;
    const texts = [`${prompt} - never mind`, 'The whale'];
    const ids = texts.map((text) => tokenizer.encode(text));
    for (const biases of [{}, { logit_bias: { [tokenizer.eosTokenId!]: 100 } }]) {
      const { choices } = await openai.completions.create({
        ...{
          model,
          prompt: ids,
          echo: true,
          logprobs: 1,
          max_tokens: 1,
          temperature: 0,
          seed: 1234,
          ...biases,
        },
      });
      for (const [i, tokens] of ids.entries()) {
        const { token_logprobs, top_logprobs, text_offset } = choices[i]!.logprobs!;
        const context = 2;
        const sum = token_logprobs!.slice(context, -1).reduce((total, value) => total + value, 0);
        const expected = (await logprobsOf(tokens)).slice(context - 1);
        expect(sum).toBeCloseTo(
          expected.reduce((total, value) => total + value, 0),
          9,
        );
        expect(top_logprobs).toHaveLength(tokens.length + 1);
        expect(text_offset!.at(-1)).toBe(tokenizer.decode(tokens).length);
      }
    }
  });

  it('stops at a text, which is not told, nor are its tokens', async () => {
    const { choices } = await openai.completions.create({ ...greedy, prompt });
    const { text } = choices[0]!;
    const stop = text.slice(5, 7);
    const cut = await openai.completions.create({ ...greedy, prompt, stop: [stop], logprobs: 0 });
    expect(cut.choices[0]!.text).toBe(text.slice(0, text.indexOf(stop)));
    expect(cut.choices[0]!.finish_reason).toBe('stop');
    const { text_offset } = cut.choices[0]!.logprobs!;
    expect(Math.max(...text_offset!) - prompt.length).toBeLessThan(cut.choices[0]!.text.length);
  });

  it('takes biases and penalties', async () => {
    const only = 321;
    const biased = await openai.completions.create({ ...greedy, prompt, logit_bias: { [only]: 100 } });
    expect(biased.choices[0]!.text).toBe(server.model.tokenizer!.decode([only]).repeat(12));
    const penalised = await openai.completions.create({
      ...{ ...greedy, prompt, logit_bias: { [only]: 1.5 }, presence_penalty: 2, frequency_penalty: 2 },
    });
    expect(penalised.choices[0]!.text.split(server.model.tokenizer!.decode([only])).length).toBeLessThan(3);
  });
});

describe('openai: chat', () => {
  const messages = [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'Who are you?' },
  ] as const;

  async function expected(options: object): Promise<string> {
    const tokenizer = server.model.tokenizer!;
    const format = chatFormatOf(tokenizer);
    const ids = format.encode([...messages]);
    return textOf(server.model.generate(ids, { stop: [...format.stop], ...options }));
  }

  it('answers as the model does', async () => {
    const { choices } = await openai.chat.completions.create({ ...greedy, messages: [...messages] });
    expect(choices[0]!.message).toMatchObject({
      role: 'assistant',
      content: await expected({ temperature: 0, maxTokens: 12 }),
    });
    const parts = messages.map(({ role, content }) => ({
      role,
      content: [{ type: 'text' as const, text: content }],
    }));
    const same = await openai.chat.completions.create({ ...greedy, messages: parts });
    expect(same.choices[0]!.message.content).toBe(choices[0]!.message.content);
  });

  it('streams through the helper, log-probabilities included', async () => {
    const options = { model, messages: [...messages], max_tokens: 10, seed: 3, temperature: 1 };
    const stream = openai.chat.completions.stream({ ...options, logprobs: true, top_logprobs: 2 });
    const { choices } = await stream.finalChatCompletion();
    expect(choices[0]!.message.content).toBe(await expected({ temperature: 1, seed: 3, maxTokens: 10 }));
    const content = choices[0]!.logprobs!.content!;
    expect(content).toHaveLength(10);
    const bytes = Uint8Array.from(content.flatMap((token) => token.bytes!));
    const whole = new TextDecoder().decode(bytes, { stream: true });
    expect(whole.startsWith(choices[0]!.message.content!)).toBe(true);
    for (const { top_logprobs } of content) {
      expect(top_logprobs).toHaveLength(2);
      expect(top_logprobs[0]!.logprob).toBeGreaterThanOrEqual(top_logprobs[1]!.logprob);
    }
    const unstreamed = await openai.chat.completions.create({ ...options, logprobs: true, top_logprobs: 2 });
    expect(unstreamed.choices[0]!.logprobs!.content).toEqual(content);
  });

  it('gives several choices, each as if alone', async () => {
    const { choices } = await openai.chat.completions.create({
      ...{ model, messages: [...messages], n: 4, seed: 11, max_completion_tokens: 5 },
    });
    for (const { index, message } of choices)
      expect(message.content).toBe(await expected({ seed: 11 + index, maxTokens: 5 }));
  });

  it('stops generating when the client leaves', async () => {
    const stream = await openai.chat.completions.create({
      ...{ model, messages: [...messages], max_tokens: 4096, stream: true, ignore_eos: true },
    } as OpenAI.ChatCompletionCreateParamsStreaming);
    for await (const _ of stream) break;
    await expect.poll(() => server.runtime.scheduler.active).toBe(0);
  });

  it.each([
    [{ temperatur: 1 }, /temperatur: no such field/],
    [{ n: 33 }, /n: found 33 choices in all, expected at most 32/],
    [{ max_tokens: 5000 }, /max_tokens: found 5000, expected at most 4096/],
    [{ top_logprobs: 2 }, /expected logprobs to be true/],
    [{ stop: '' }, /stop: expected at most 16 texts/],
    [{ messages: [{ role: 'critic', content: 'x' }] }, /messages\[0\]\.role: found "critic"/],
    [{ messages: [] }, /at least one message/],
    [{ model: 'gpt-5' }, /model: found "gpt-5", expected "small"/],
    [{ session: 'a' }, /session: this server stores none/],
    [{ stream_options: { include_time: true } }, /stream_options\.include_time: no such field/],
    [{ store: true }, /store: found true, expected false/],
  ])('refuses %j by name', async (fields, message) => {
    const request = {
      model,
      messages: [...messages],
      ...fields,
    } as OpenAI.ChatCompletionCreateParamsNonStreaming;
    const error = await openai.chat.completions.create(request).then(
      () => expect.unreachable(),
      (thrown) => thrown,
    );
    expect(error).toBeInstanceOf(OpenAI.APIError);
    expect([400, 404]).toContain(error.status);
    expect(error.message).toMatch(message);
  });
});

it('openai: embeddings are those of the library', async () => {
  const input = ['a whale', 'a ship'];
  const { data, usage } = await openai.embeddings.create({ model, input });
  const own = await server.model.embed(input);
  expect(data.map(({ embedding }) => embedding)).toEqual(own.map((vector) => [...vector]));
  expect(usage.prompt_tokens).toBeGreaterThan(0);
});

describe('ai sdk', () => {
  const provider = () =>
    createOpenAICompatible({
      name: 'plusminus',
      baseURL: `${server.url}/v1`,
      apiKey: key,
      includeUsage: true,
      supportsStructuredOutputs: true,
    });
  const place = jsonSchema<{ city: string; days: number }>({
    ...{ type: 'object', required: ['city', 'days'], additionalProperties: false },
    properties: { city: { enum: ['Rome', 'Oslo'] }, days: { type: 'integer', minimum: 1, maximum: 9 } },
  });
  const aPlace = { city: expect.stringMatching(/^(Rome|Oslo)$/), days: expect.any(Number) };

  it('generates text in a chat', async () => {
    const { text, usage, finishReason } = await generateText({
      ...{ model: provider()(model), system: 'Be brief.', prompt: 'Who are you?' },
      ...{ temperature: 0, maxOutputTokens: 9, maxRetries: 0 },
    });
    const reference = await openai.chat.completions.create({
      ...{ ...greedy, max_tokens: 9 },
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Who are you?' },
      ],
    });
    expect(text).toBe(reference.choices[0]!.message.content);
    expect(usage.outputTokens).toBe(9);
    expect(finishReason).toBe('length');
  });

  it('streams a completion', async () => {
    const result = streamText({
      ...{ model: provider().completionModel(model), prompt: 'The whale', maxRetries: 0 },
      ...{ temperature: 0, maxOutputTokens: 8 },
    });
    const pieces = await collect(result.textStream);
    expect(pieces.length).toBeGreaterThan(2);
    expect((await result.usage).outputTokens).toBe(8);
  });

  it('gives objects of a schema, whole and streamed', async () => {
    const output = Output.object({ schema: place });
    const options = { model: provider()(model), prompt: 'A trip.', seed: 3, temperature: 1, output };
    const whole = await generateText(options);
    expect(whole.output).toEqual(aPlace);
    const stream = streamText(options);
    for await (const _ of stream.textStream);
    expect(await stream.output).toEqual(whole.output);
  });

  it('calls tools and continues with what they return, whole and streamed', async () => {
    const calls: unknown[] = [];
    const execute = (input: unknown) => {
      calls.push(input);
      return { ok: true };
    };
    const trip = tool({ description: 'Plans a trip.', inputSchema: place, execute });
    const options = {
      ...{ model: provider()(model), prompt: 'Plan a trip.', tools: { trip }, maxOutputTokens: 300, seed: 1 },
      prepareStep: ({ stepNumber }: { stepNumber: number }) => ({
        toolChoice: stepNumber === 0 ? ('required' as const) : ('none' as const),
      }),
      stopWhen: isStepCount(2),
    };
    const { steps } = await generateText(options);
    expect(steps[0]!.finishReason).toBe('tool-calls');
    expect(steps).toHaveLength(2);
    const stream = streamText(options);
    for await (const _ of stream.fullStream);
    expect((await stream.steps)[0]!.toolCalls.length).toBeGreaterThan(0);
    for (const call of calls) expect(call).toEqual(aPlace);
    expect(calls.length).toBeGreaterThan(1);
  });

  it('embeds texts, as the library does', async () => {
    const texts = ['a whale', 'a ship'];
    const { embeddings } = await embedMany({ model: provider().embeddingModel(model), values: texts });
    const own = await server.model.embed(texts);
    expect(embeddings).toEqual(own.map((vector) => [...vector]));
  });
});
