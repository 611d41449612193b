/** Measures how soon the turns of a long conversation are answered. */
import type OpenAI from 'openai';
import type { Server } from './serveCase.ts';
import { median } from './statistics.ts';

export interface TurnResult {
  /** Time from a request to its first text; medians of five turns, 2 to 6 and 48 to 52. */
  readonly secondMilliseconds: number;
  readonly fiftiethMilliseconds: number;
  /** Tokens of the conversation so far. */
  readonly secondTokens: number;
  readonly fiftiethTokens: number;
  /** Tokens of turn 50 that the server had to read. */
  readonly fiftiethReadTokens: number;
}

/** A client sends all messages each time, as chat clients do, or the server keeps a session. */
export type Bringing = 'messages' | 'session';

interface Turn {
  readonly milliseconds: number;
  readonly tokens: number;
  readonly read: number;
}

/** One conversation of 52 turns. */
export async function measureTurns(server: Server, seed: number, bringing: Bringing): Promise<TurnResult> {
  const messages: { role: 'user' | 'assistant'; content: string }[] = [];
  const turns: Turn[] = [];
  let before = 0;
  for (let turn = 1; turn <= 52; turn++) {
    const message = {
      role: 'user' as const,
      content: `${bringing} ${seed}: tell me of whale number ${turn}.`,
    };
    messages.push(message);
    const fields = bringing === 'messages' ? { messages } : { messages: [message], session: `turns-${seed}` };
    const { milliseconds, content, prompt, cached, generated } = await ask(server, fields);
    messages.push({ role: 'assistant', content });
    turns.push({
      milliseconds,
      tokens: bringing === 'messages' ? prompt : before + prompt,
      read: prompt - cached,
    });
    before += prompt + generated;
  }
  const around = (from: number) => median(turns.slice(from - 1, from + 4).map((turn) => turn.milliseconds));
  const [second, fiftieth] = [turns[1]!, turns[49]!];
  return {
    secondMilliseconds: around(2),
    fiftiethMilliseconds: around(48),
    secondTokens: second.tokens,
    fiftiethTokens: fiftieth.tokens,
    fiftiethReadTokens: fiftieth.read,
  };
}

/** Asks a chat and measures its answer. */
export async function ask(server: Server, fields: object) {
  const asked = performance.now();
  const stream = await server.client.chat.completions.create({
    ...{ model: 'bench', max_tokens: 24, temperature: 0, stream: true, ignore_eos: true },
    ...{ stream_options: { include_usage: true }, ...fields },
  } as unknown as OpenAI.ChatCompletionCreateParamsStreaming);
  let [milliseconds, content, prompt, cached, generated] = [0, '', 0, 0, 0];
  for await (const { choices, usage } of stream) {
    const text = choices[0]?.delta.content ?? '';
    if (content === '' && text !== '') milliseconds = performance.now() - asked;
    content += text;
    if (!usage) continue;
    prompt = usage.prompt_tokens;
    cached = usage.prompt_tokens_details?.cached_tokens ?? 0;
    generated = usage.completion_tokens;
  }
  return { milliseconds, content, prompt, cached, generated };
}
