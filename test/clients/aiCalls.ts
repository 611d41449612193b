/** Calls of the AI SDK through its provider for servers that speak as OpenAI's. */
import assert from 'node:assert/strict';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, streamText } from 'ai';
import type { Call } from './openaiCalls.ts';

export function aiCalls(url: string, apiKey: string): Call[] {
  const provider = createOpenAICompatible({
    ...{ name: 'plusminus', baseURL: `${url}/v1`, apiKey, includeUsage: true },
  });
  const model = provider.chatModel('small');
  const base = { model, maxOutputTokens: 6, maxRetries: 0 };
  const generates = (options: object) => async () => {
    const { usage, finishReason } = await generateText({ ...base, prompt: 'Who are you?', ...options });
    assert.ok(usage.outputTokens! <= 6);
    assert.match(finishReason, /^(stop|length)$/);
  };
  const streams = (options: object) => async () => {
    const result = streamText({ ...base, prompt: 'Who are you?', ...options });
    let text = '';
    for await (const piece of result.textStream) text += piece;
    assert.equal(await result.text, text);
    assert.ok((await result.usage).outputTokens! <= 6);
  };
  const talk = [
    { role: 'user', content: 'Who are you?' },
    { role: 'assistant', content: 'I.' },
    { role: 'user', content: [{ type: 'text', text: 'Why?' }] },
  ];
  const completion = provider.completionModel('small');
  return [
    ['generateText', generates({})],
    ['generateText: a system message', generates({ system: 'Be brief.' })],
    ['generateText: a conversation', generates({ prompt: undefined, messages: talk })],
    ['generateText: sampling', generates({ temperature: 1.2, topP: 0.9, seed: 4 })],
    ['generateText: penalties', generates({ presencePenalty: 0.5, frequencyPenalty: 0.5 })],
    ['generateText: stop texts', generates({ stopSequences: ['.', '\n'] })],
    ['generateText: a completion', generates({ model: completion })],
    ['streamText', streams({})],
    ['streamText: a system message', streams({ system: 'Be brief.', temperature: 0 })],
    ['streamText: a conversation', streams({ prompt: undefined, messages: talk })],
    ['streamText: a completion', streams({ model: completion, stopSequences: ['.'] })],
    [
      'streamText: a stream that is left',
      async () => {
        const leaving = new AbortController();
        const result = streamText({ ...base, prompt: 'x', abortSignal: leaving.signal });
        for await (const _ of result.textStream) leaving.abort();
      },
    ],
  ];
}
