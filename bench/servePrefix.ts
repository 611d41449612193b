/** Measures what a long beginning costs that chats share: a system message of 2,000 tokens, before the second question. */
import type { Server } from './serveCase.ts';
import { median } from './statistics.ts';

export interface PrefixResult {
  /** Tokens of the second prompt, and how many of them were not read. */
  readonly tokens: number;
  readonly cachedTokens: number;
  /** Milliseconds to the first text; medians. */
  readonly firstMilliseconds: number;
  readonly secondMilliseconds: number;
  /** Of a chat with a message of one word only. */
  readonly emptyMilliseconds: number;
  /** Median of the ratios of neighbours: the second one's time by that of the chat with one word. */
  readonly secondByEmpty: number;
}

/** @param ask asks a chat and tells when its first text came */
export async function measurePrefix(
  server: Server,
  ask: (server: Server, fields: object) => Promise<{ milliseconds: number; prompt: number; cached: number }>,
  rounds: number,
): Promise<PrefixResult> {
  const [first, second, empty] = [[], [], []] as [number[], number[], number[]];
  let last = { prompt: 0, cached: 0 };
  for (let round = 0; round < rounds; round++) {
    const rule = `Rule of round ${round}: tell the truth, be brief, and speak of whales as often as you can. `;
    const system = { role: 'system', content: rule.repeat(100) };
    const chat = (content: string) => ({ messages: [system, { role: 'user', content }] });
    first.push((await ask(server, chat('Who are you?'))).milliseconds);
    empty.push((await ask(server, { messages: [{ role: 'user', content: `${round}` }] })).milliseconds);
    last = await ask(server, chat('What is the sea?')).then((answer) => {
      second.push(answer.milliseconds);
      return answer;
    });
  }
  return {
    ...{ tokens: last.prompt, cachedTokens: last.cached },
    ...{
      firstMilliseconds: median(first),
      secondMilliseconds: median(second),
      emptyMilliseconds: median(empty),
      secondByEmpty: median(second.map((milliseconds, round) => milliseconds / empty[round]!)),
    },
  };
}
