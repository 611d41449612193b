/** The server's other doors, each through its vendor's own client: OpenAI's Responses, Anthropic's Messages. */
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from './testing.ts';

let server: TestServer;
let openai: OpenAI;
let anthropic: Anthropic;
const key = 'secret-key';
beforeAll(async () => {
  server = await startTestServer({}, { apiKeys: [key, 'other'] });
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: key, maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: server.url, apiKey: key, maxRetries: 0 });
});
afterAll(() => server?.close());

const schema = {
  type: 'object' as const,
  properties: { city: { enum: ['Rome', 'Oslo'] }, days: { type: 'integer', minimum: 1, maximum: 9 } },
  required: ['city', 'days'],
  additionalProperties: false,
};
const isTrip = (value: unknown) =>
  expect(value).toEqual({ city: expect.stringMatching(/^(Rome|Oslo)$/), days: expect.any(Number) });
const messages = [{ role: 'user' as const, content: 'Who are you?' }];
const own = (told: { role: string; content: string }[], maxTokens: number) =>
  server.model.complete(told, { temperature: 0, maxTokens });

describe('openai: responses', () => {
  const base = { model: 'small', input: 'Who are you?', temperature: 0, max_output_tokens: 8 };

  it('answer with the text of a chat, whole and as events', async () => {
    const { text, usage } = await own(messages, 8);
    const response = await openai.responses.create(base);
    expect(response.output_text).toBe(text);
    expect(response).toMatchObject({ object: 'response', status: 'incomplete', error: null });
    expect(response.incomplete_details).toEqual({ reason: 'max_output_tokens' });
    expect(response.usage).toMatchObject({ input_tokens: usage.promptTokens, output_tokens: 8 });
    const stream = openai.responses.stream(base);
    const types: string[] = [];
    let streamed = '';
    for await (const event of stream) {
      types.push(event.type);
      if (event.type === 'response.output_text.delta') streamed += event.delta;
    }
    expect(streamed).toBe(text);
    expect(types[0]).toBe('response.created');
    expect(types.at(-1)).toBe('response.incomplete');
    expect((await stream.finalResponse()).output_text).toBe(text);
  });

  it('take instructions and items, and continue from an earlier response', async () => {
    const brief = await openai.responses.create({ ...base, instructions: 'Be brief.' });
    const expected = await own([{ role: 'system', content: 'Be brief.' }, ...messages], 8);
    expect(brief.output_text).toBe(expected.text);
    // A form, since a text that ends inside of a character is not the same when it is sent back.
    const format = { type: 'json_schema' as const, name: 'trip', schema };
    const asked = { ...base, max_output_tokens: 80, instructions: 'Be brief.', text: { format } };
    const first = await openai.responses.create(asked);
    const next = { ...base, instructions: 'Be brief.', input: 'And why?', previous_response_id: first.id };
    const second = await openai.responses.create(next);
    const whole = await openai.responses.create({
      ...{ ...base, instructions: 'Be brief.' },
      input: [
        ...messages,
        ...(first.output as OpenAI.Responses.ResponseInputItem[]),
        { role: 'user', content: 'And why?' },
      ],
    });
    expect(second.output_text).toBe(whole.output_text);
    expect(second.previous_response_id).toBe(first.id);
    const stranger = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'other', maxRetries: 0 });
    await expect(stranger.responses.create(next)).rejects.toMatchObject({
      status: 404,
      code: 'previous_response_not_found',
    });
    const unkept = await openai.responses.create({ ...base, store: false });
    const gone = openai.responses.create({ ...base, previous_response_id: unkept.id });
    await expect(gone).rejects.toMatchObject({ status: 404 });
  });

  it('have the form of a schema, and call functions', async () => {
    const format = { type: 'json_schema' as const, name: 'trip', schema, strict: true };
    const trip = await openai.responses.create({ ...base, max_output_tokens: 80, text: { format } });
    expect(trip.status).toBe('completed');
    isTrip(JSON.parse(trip.output_text));
    const tools = [{ type: 'function' as const, name: 'plan', parameters: schema, strict: true }];
    const asked = {
      ...base,
      max_output_tokens: 120,
      tools,
      tool_choice: 'required' as const,
      parallel_tool_calls: false,
    };
    const response = await openai.responses.create(asked);
    const [call] = response.output;
    if (call?.type !== 'function_call') throw new Error('expected a call');
    expect(call.name).toBe('plan');
    isTrip(JSON.parse(call.arguments));
    const stream = await openai.responses.stream(asked).finalResponse();
    expect(stream.output[0]).toMatchObject({
      type: 'function_call',
      name: 'plan',
      arguments: call.arguments,
    });
    const result = { type: 'function_call_output' as const, call_id: call.call_id, output: 'Done.' };
    const told = await openai.responses.create({
      ...base,
      previous_response_id: response.id,
      tools,
      input: [result],
    });
    const whole = await openai.responses.create({ ...base, tools, input: [...messages, call, result] });
    expect(told.output_text).toBe(whole.output_text);
  });

  it.each([
    [{ input: undefined }, /^input: found none/],
    [{ input: [{ type: 'item_reference', id: 'x' }] }, /^input/],
    [{ background: true }, /^background: found true/],
    [{ tools: [{ type: 'web_search' }] }, /^tools\[0\]/],
    [{ temperatur: 1 }, /^temperatur: no such field/],
  ])('refuse %j by name', async (fields, message) => {
    const headers = { authorization: `Bearer ${key}` };
    const response = await server.post('/v1/responses', { ...base, ...fields }, headers);
    expect(response.status).toBe(400);
    expect(((await response.json()) as { error: { message: string } }).error.message).toMatch(message);
  });
});

describe('anthropic: messages', () => {
  const base = { model: 'small', messages, max_tokens: 8, temperature: 0 };

  it('answer with the text of a chat, whole and streamed', async () => {
    const { text, usage } = await own([{ role: 'system', content: 'Be brief.' }, ...messages], 8);
    const asked = { ...base, system: 'Be brief.' };
    const message = await anthropic.messages.create(asked);
    expect(message.content).toEqual([{ type: 'text', text }]);
    expect(message).toMatchObject({ type: 'message', role: 'assistant', stop_reason: 'max_tokens' });
    const { input_tokens, cache_read_input_tokens, output_tokens } = message.usage;
    expect(input_tokens + cache_read_input_tokens!).toBe(usage.promptTokens);
    expect(output_tokens).toBe(8);
    const stream = anthropic.messages.stream(asked);
    let streamed = '';
    stream.on('text', (piece) => {
      streamed += piece;
    });
    const last = await stream.finalMessage();
    expect(streamed).toBe(text);
    expect(last).toMatchObject({ content: [{ type: 'text', text }], stop_reason: 'max_tokens' });
    expect(last.usage.output_tokens).toBe(8);
  });

  it('stop at texts, and say which', async () => {
    const { text } = await own(messages, 8);
    const stop = text.trim().slice(3, 5);
    const message = await anthropic.messages.create({ ...base, stop_sequences: [stop] });
    expect(message).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: stop });
  });

  it('call tools, and are told what they return', async () => {
    const tools = [{ name: 'plan', description: 'Plans a trip.', input_schema: schema }];
    const asked = { ...base, max_tokens: 120, tools, tool_choice: { type: 'tool' as const, name: 'plan' } };
    const message = await anthropic.messages.create(asked);
    const [call] = message.content;
    if (call?.type !== 'tool_use') throw new Error('expected a call');
    expect(message.stop_reason).toBe('tool_use');
    isTrip(call.input);
    const streamed = await anthropic.messages.stream(asked).finalMessage();
    expect(streamed.content).toMatchObject([{ type: 'tool_use', name: 'plan', input: call.input }]);
    const result = { type: 'tool_result' as const, tool_use_id: call.id, content: 'Done.' };
    const next = await anthropic.messages.create({
      ...{ ...base, tools },
      messages: [
        ...messages,
        { role: 'assistant', content: message.content },
        { role: 'user', content: [result] },
      ],
    });
    expect(next.content[0]!.type).toBe('text');
    const format = { type: 'json_schema' as const, schema };
    const form = await anthropic.messages.create({ ...base, max_tokens: 80, output_config: { format } });
    isTrip(JSON.parse((form.content[0] as { text: string }).text));
  });

  it('refuse with errors that the client knows', async () => {
    const stranger = new Anthropic({ baseURL: server.url, apiKey: 'wrong', maxRetries: 0 });
    await expect(stranger.messages.create(base)).rejects.toThrow(Anthropic.AuthenticationError);
    const image = { type: 'image' as const, source: { type: 'url' as const, url: 'http://x/y.png' } };
    const wrong = anthropic.messages.create({ ...base, messages: [{ role: 'user', content: [image] }] });
    await expect(wrong).rejects.toThrow(Anthropic.BadRequestError);
    await expect(anthropic.messages.create({ ...base, max_tokens: 9999 })).rejects.toThrow(
      /max_tokens: found 9999/,
    );
  });
});
