/** A server in a process of its own, and clients that stream from it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import OpenAI from 'openai';
import { median } from './statistics.ts';

export interface Server {
  readonly client: OpenAI;
  /** Bytes of memory that the process has resident. */
  memory(): Promise<number>;
  stop(): Promise<void>;
}

const program = fileURLToPath(new URL('../bin/plusminus.js', import.meta.url));

export async function startServer(folder: string, flags: readonly string[]): Promise<Server> {
  const args = [program, 'serve', '--model', folder, '--name', 'bench', '--port', '0', ...flags];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  const url = await new Promise<string>((resolve, reject) => {
    void ended.then(() => reject(new Error('the server ended before it listened')));
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const found = /"url":"([^"]+)"/.exec(text);
      if (found) resolve(found[1]!);
    });
  });
  return {
    client: new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0, timeout: 300_000 }),
    async memory() {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
      return 1024 * Number(/VmRSS:\s+(\d+)/.exec(status)![1]);
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

export interface LoadResult {
  readonly clients: number;
  readonly seconds: number;
  readonly tokensPerSecond: number;
  readonly answers: number;
  /** Streams that failed, or ended before their last token. */
  readonly lost: number;
  /** Milliseconds from a request to its first text. */
  readonly firstMedian: number;
  readonly first99: number;
  /** Tokens of the client that got fewest, as a share of the median's. */
  readonly slowestShare: number;
  readonly quarterBytes: number;
  readonly endBytes: number;
}

interface Load {
  readonly clients: number;
  readonly seconds: number;
  /** Of each answer. */
  readonly tokens: number;
}

/** Clients that ask again as soon as they are answered. What is under way at the end may end, uncounted. */
export async function measureLoad(server: Server, { clients, seconds, tokens }: Load): Promise<LoadResult> {
  const first: number[] = [];
  const counts = new Array<number>(clients).fill(0);
  let [answers, lost] = [0, 0];
  const began = performance.now();
  const end = began + 1000 * seconds;
  const isOver = () => performance.now() > end;
  const client = async (index: number) => {
    for (let turn = 0; !isOver(); turn++) {
      const asked = performance.now();
      let [seen, ended] = [0, false];
      try {
        const stream = await server.client.completions.create(
          {
            ...{ model: 'bench', prompt: `Client ${index} asks, for the ${turn}th time, of whales.` },
            ...{ max_tokens: tokens, stream: true, seed: index, stream_options: { include_usage: true } },
            ...{ ignore_eos: true, logprobs: 0 }, // the chunks then tell how many tokens they bring
          } as OpenAI.CompletionCreateParamsStreaming,
          {},
        );
        for await (const { choices, usage } of stream) {
          const fresh = choices[0]?.logprobs?.tokens?.length ?? 0;
          if (seen === 0 && fresh > 0) first.push(performance.now() - asked);
          seen += fresh;
          if (!isOver()) counts[index]! += fresh;
          ended ||= usage?.completion_tokens === tokens;
        }
        answers += 1;
        if (!ended || seen !== tokens) lost += 1;
      } catch (error) {
        console.error(`client ${index}: ${(error as Error).message}`);
        lost += 1;
      }
    }
  };
  const running = Promise.all(Array.from({ length: clients }, (_, index) => client(index)));
  await new Promise((resolve) => setTimeout(resolve, 250 * seconds));
  const quarterBytes = await server.memory();
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, end - performance.now())));
  const endBytes = await server.memory();
  await running;
  const sorted = first.sort((a, b) => a - b);
  return {
    ...{ clients, seconds, answers, lost, quarterBytes, endBytes },
    tokensPerSecond: counts.reduce((sum, count) => sum + count, 0) / seconds,
    firstMedian: median(sorted),
    first99: sorted[Math.floor(0.99 * sorted.length)]!,
    slowestShare: Math.min(...counts) / median(counts),
  };
}

export interface TurnResult {
  /** From a request to its first text; each the median of five turns, 2 to 6 and 48 to 52. */
  readonly secondMilliseconds: number;
  readonly fiftiethMilliseconds: number;
  readonly secondPromptTokens: number;
  readonly fiftiethPromptTokens: number;
  /** Tokens of turn 50 that the server had to read. */
  readonly fiftiethReadTokens: number;
}

/** One conversation of 52 turns. Each request brings all messages so far, as chat clients do. */
export async function measureTurns(server: Server, seed: number): Promise<TurnResult> {
  const messages: { role: 'user' | 'assistant'; content: string }[] = [];
  const turns: { milliseconds: number; prompt: number; cached: number }[] = [];
  for (let turn = 1; turn <= 52; turn++) {
    messages.push({ role: 'user', content: `Conversation ${seed}: tell me of whale number ${turn}.` });
    const asked = performance.now();
    const stream = await server.client.chat.completions.create({
      ...{ model: 'bench', messages, max_tokens: 24, temperature: 0, stream: true as const },
      stream_options: { include_usage: true },
    });
    let [milliseconds, content] = [0, ''];
    for await (const { choices, usage } of stream) {
      const text = choices[0]?.delta.content ?? '';
      if (content === '' && text !== '') milliseconds = performance.now() - asked;
      content += text;
      if (usage)
        turns.push({
          milliseconds,
          prompt: usage.prompt_tokens,
          cached: usage.prompt_tokens_details?.cached_tokens ?? 0,
        });
    }
    messages.push({ role: 'assistant', content });
  }
  const around = (from: number) => median(turns.slice(from - 1, from + 4).map((turn) => turn.milliseconds));
  const [second, fiftieth] = [turns[1]!, turns[49]!];
  return {
    secondMilliseconds: around(2),
    fiftiethMilliseconds: around(48),
    secondPromptTokens: second.prompt,
    fiftiethPromptTokens: fiftieth.prompt,
    fiftiethReadTokens: fiftieth.prompt - fiftieth.cached,
  };
}
