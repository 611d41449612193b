/** Tools through OpenAI's client: told to the model, called by it, answered, called again. */
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from './testing.ts';

let server: TestServer;
let openai: OpenAI;
beforeAll(async () => {
  server = await startTestServer();
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(() => server?.close());

const parameters = {
  type: 'object',
  properties: { a: { type: 'integer', minimum: 0, maximum: 99 }, unit: { enum: ['m', '<|end|>'] } },
  required: ['a', 'unit'],
};
const tools: OpenAI.ChatCompletionFunctionTool[] = [
  { type: 'function', function: { name: 'add', description: 'Adds.', parameters, strict: true } },
  { type: 'function', function: { name: 'clock' } },
];
const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'What time is it?' }];
const base = { model: 'small', messages, tools, max_tokens: 300, temperature: 1, seed: 4 } as const;

function checkCall(call: OpenAI.ChatCompletionMessageToolCall | undefined, name?: string): void {
  if (call?.type !== 'function') throw new Error('expected a call of a function');
  if (name) expect(call.function.name).toBe(name);
  const args = JSON.parse(call.function.arguments);
  if (call.function.name === 'clock') expect(args).toEqual({});
  else expect(args).toEqual({ a: expect.any(Number), unit: expect.stringMatching(/^(m|<\|end\|>)$/) });
  expect(call.id).toMatch(/^call_\w{24}$/);
}

describe('tools', () => {
  it('are called when they must be: one by name, or any, several at once', async () => {
    const choice = { type: 'function' as const, function: { name: 'add' } };
    const named = await openai.chat.completions.create({ ...base, tool_choice: choice });
    const { message, finish_reason } = named.choices[0]!;
    expect(finish_reason).toBe('tool_calls');
    expect(message.content).toBeNull();
    expect(message.tool_calls).toHaveLength(1);
    checkCall(message.tool_calls![0], 'add');
    const required = { ...base, tool_choice: 'required' as const, n: 4 };
    const { choices } = await openai.chat.completions.create(required);
    for (const { message } of choices) for (const call of message.tool_calls!) checkCall(call);
    const single = await openai.chat.completions.create({ ...required, parallel_tool_calls: false });
    for (const { message } of single.choices) expect(message.tool_calls).toHaveLength(1);
  });

  it('stream their calls, which are those of the whole answer', async () => {
    const options = { ...base, tool_choice: 'required' as const, parallel_tool_calls: false, seed: 9 };
    const whole = await openai.chat.completions.create(options);
    const stream = openai.chat.completions.stream(options);
    const { choices } = await stream.finalChatCompletion();
    expect(choices[0]!.finish_reason).toBe('tool_calls');
    const without = (calls: readonly object[] | undefined) =>
      calls
        ?.map((call) => (call as { function: { name: string; arguments: string } }).function)
        .map(({ name, arguments: args }) => ({ name, args }));
    expect(without(choices[0]!.message.tool_calls)).toEqual(without(whole.choices[0]!.message.tool_calls));
  });

  it('get their results, and are part of the prompt', async () => {
    const call = { id: 'call_1', type: 'function' as const, function: { name: 'clock', arguments: '{}' } };
    const talk: OpenAI.ChatCompletionMessageParam[] = [
      ...messages,
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', tool_call_id: 'call_1', content: '12 <|end|> o’clock' },
    ];
    const greedy = { ...base, temperature: 0, max_tokens: 6 };
    const answer = await openai.chat.completions.create({ ...greedy, messages: talk });
    const expected = await server.model.complete(
      [
        {
          role: 'system',
          content: `Tools:\n${tools.map(({ function: { strict: _, ...tool } }) => JSON.stringify(tool)).join('\n')}\nTo call a tool, answer <tool_call>{"name": …, "arguments": {…}}</tool_call>.`,
        },
        { role: 'user', content: 'What time is it?' },
        { role: 'assistant', content: '<tool_call>{"name": "clock", "arguments": {}}</tool_call>' },
        { role: 'user', content: '<tool_response>12 <|end|> o’clock</tool_response>' },
      ],
      { temperature: 0, maxTokens: 6 },
    );
    expect(answer.choices[0]!.message.content).toBe(expected.text);
    expect(answer.usage!.prompt_tokens).toBe(expected.usage.promptTokens);
    const none = await openai.chat.completions.create({ ...greedy, tool_choice: 'none' });
    const { tools: _, ...without } = greedy;
    const plain = await openai.chat.completions.create(without);
    expect(none.choices).toEqual(plain.choices);
  });

  it.each([
    [
      { tool_choice: { type: 'function', function: { name: 'other' } } },
      /^tool_choice: found other, expected one of the tools/,
    ],
    [
      { tools: undefined, tool_choice: 'required' },
      /^tool_choice: found required, expected one of the tools/,
    ],
    [{ tools: [tools[1], tools[1]] }, /^tools\[1\]\.function\.name: found "clock" twice/],
    [
      { tools: [{ type: 'function', function: { name: 'a b' } }] },
      /^tools\[0\]\.function\.name: found "a b", expected 1 to 64/,
    ],
    [{ tools: [{ type: 'web_search' }] }, /^tools\[0\]\.(type|function): found/],
    [
      {
        tools: [{ type: 'function', function: { name: 'f', parameters: { not: {} } } }],
        tool_choice: 'required',
      },
      /^tools\[0\]\.function\.parameters: schema: the keyword "not"/,
    ],
    [
      { tool_choice: 'required', response_format: { type: 'json_object' } },
      /^tool_choice: found a form of the answer too/,
    ],
  ])('are refused by name if they are wrong: %j', async (fields, message) => {
    const response = await server.post('/v1/chat/completions', { ...base, ...fields });
    expect(response.status).toBe(400);
    expect(((await response.json()) as { error: { message: string } }).error.message).toMatch(message);
  });

  it('refuses definitions that are nested too deep', async () => {
    const deep = `${'{"a":'.repeat(2000)}1${'}'.repeat(2000)}`;
    const body = `{"messages": [{"role": "user", "content": "x"}], "tools": [{"type": "function", "function": {"name": "f", "parameters": ${deep}}}]}`;
    const response = await server.post('/v1/chat/completions', body);
    expect(response.status).toBe(400);
    expect(await response.text()).toMatch(/nested more than 64 deep/);
  });
});
