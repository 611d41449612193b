/** Calls of OpenAI's own client, as its documentation shows them. */
import assert from 'node:assert/strict';
import OpenAI from 'openai';

export type Call = readonly [name: string, run: () => Promise<unknown>];

/** @param tokens ids that the model's tokenizer knows */
export function openaiCalls(url: string, apiKey: string, tokens: readonly number[]): Call[] {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
  return [...modelCalls(client), ...completionCalls(client, tokens), ...chatCalls(client)];
}

const model = 'small';

function modelCalls(client: OpenAI): Call[] {
  return [
    [
      'models.list',
      async () => assert.equal((await client.models.list()).data.map(({ id }) => id).join(), model),
    ],
    ['models.retrieve', async () => assert.equal((await client.models.retrieve(model)).id, model)],
  ];
}

function completionCalls(client: OpenAI, tokens: readonly number[]): Call[] {
  const base = { model, prompt: 'Call me Ishmael.', max_tokens: 6 };
  const answers =
    (fields: object, choices = 1) =>
    async () => {
      const answer = await client.completions.create({ ...base, ...fields });
      assert.equal(answer.choices.length, choices);
      assert.ok(answer.usage!.completion_tokens <= choices * 6);
      return answer;
    };
  return [
    ['completions: a text', answers({})],
    ['completions: greedy', answers({ temperature: 0 })],
    ['completions: several texts', answers({ prompt: ['Call me', 'The whale', ''] }, 3)],
    ['completions: token ids', answers({ prompt: tokens })],
    ['completions: several lists of ids', answers({ prompt: [tokens, tokens.slice(0, 1)] }, 2)],
    ['completions: several choices', answers({ n: 3, best_of: 3, seed: 7 }, 3)],
    ['completions: sampling', answers({ temperature: 1.3, top_p: 0.9, seed: 3, user: 'me' })],
    ['completions: penalties', answers({ presence_penalty: 1, frequency_penalty: -0.5 })],
    ['completions: biases', answers({ logit_bias: { 12: -100, 13: 5 } })],
    ['completions: stop texts', answers({ stop: ['\n', ' the'] })],
    ['completions: one stop text', answers({ stop: '.', suffix: null })],
    ['completions: log-probabilities', answers({ logprobs: 5 })],
    ['completions: echo', answers({ echo: true, logprobs: 1, max_tokens: 0 })],
    [
      'completions: a stream',
      async () => {
        const options = { include_usage: true, include_obfuscation: false };
        const stream = await client.completions.create({ ...base, stream: true, stream_options: options });
        let last: OpenAI.Completion | undefined;
        for await (const chunk of stream) last = chunk;
        assert.ok(last!.usage!.total_tokens > 0);
      },
    ],
    [
      'completions: a prompt that is too long',
      async () => {
        const wrong = client.completions.create({ ...base, prompt: 'the '.repeat(100_000) });
        await assert.rejects(wrong, { status: 400, code: 'context_length_exceeded' });
      },
    ],
  ];
}

function chatCalls(client: OpenAI): Call[] {
  const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'Who are you?' }];
  const answers = (fields: object) => async () => {
    const answer = await client.chat.completions.create({
      ...{ model, messages, max_completion_tokens: 6, ...fields, stream: false as const },
    });
    assert.equal(answer.choices[0]!.message.role, 'assistant');
    return answer;
  };
  const parts = [{ role: 'user', content: [{ type: 'text', text: 'Who are you?' }] }];
  const all = [
    { role: 'developer', content: 'Be brief.' },
    { role: 'user', name: 'ann', content: 'Who?' },
    { role: 'assistant', content: 'I.' },
    { role: 'user', content: 'Why?' },
  ];
  const hints = { store: false, metadata: { run: '1' }, service_tier: 'auto', prompt_cache_key: 'a' };
  return [
    ['chat: a message', answers({})],
    ['chat: all roles', answers({ messages: all })],
    ['chat: parts', answers({ messages: parts })],
    ['chat: several choices', answers({ n: 2, seed: 1, temperature: 1 })],
    ['chat: log-probabilities', answers({ logprobs: true, top_logprobs: 3 })],
    ['chat: text as the format', answers({ response_format: { type: 'text' }, modalities: ['text'] })],
    ['chat: hints', answers({ ...hints, safety_identifier: 'b', parallel_tool_calls: true, tools: null })],
    [
      'chat: an answer sent back',
      async () => {
        const first = await answers({})();
        await answers({
          messages: [...messages, first.choices[0]!.message, { role: 'user', content: 'x' }],
        })();
      },
    ],
    [
      'chat: the helper for streams',
      async () => {
        const stream = client.chat.completions.stream({ model, messages, max_tokens: 6 });
        assert.equal((await stream.finalChatCompletion()).choices.length, 1);
      },
    ],
    [
      'chat: a stream that is left',
      async () => {
        const stream = await client.chat.completions.create({ model, messages, stream: true });
        for await (const _ of stream) break;
      },
    ],
    [
      'chat: the raw response',
      async () => {
        const raw = await client.chat.completions.create({ model, messages, max_tokens: 1 }).withResponse();
        assert.match(raw.request_id!, /^[0-9a-f-]{36}$/);
      },
    ],
  ];
}
