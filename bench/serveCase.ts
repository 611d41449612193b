/** A server in its own process, and clients that stream from it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import OpenAI from 'openai';
import { median } from './statistics.ts';

export interface Server {
  readonly client: OpenAI;
  /** Values of its `/metrics`. */
  metrics(...names: string[]): Promise<number[]>;
  /** Returns when it has ended; after SIGKILL it could not clean up. */
  stop(signal?: NodeJS.Signals): Promise<void>;
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
    async metrics(...names) {
      const text = await (await fetch(`${url}/metrics`)).text();
      return names.map((name) => Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)![1]));
    },
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      await ended;
    },
  };
}

/** Memory of the server at a time. */
export interface MemorySample {
  readonly seconds: number;
  readonly residentBytes: number;
  /** JavaScript's objects, including garbage that has not been collected yet. */
  readonly heapBytes: number;
  readonly cacheBytes: number;
}

export interface LoadResult {
  readonly clients: number;
  readonly seconds: number;
  readonly tokensPerSecond: number;
  readonly answers: number;
  /** Streams that failed, or ended before their last token. */
  readonly lost: number;
  /** Milliseconds from a request to its first text; undefined if no request began in the measured time. */
  readonly firstMedian: number | undefined;
  readonly first99: number | undefined;
  /** The longest time between two pieces of an answer over all streams, in milliseconds. */
  readonly longestPause: number;
  /** Tokens of the client with the fewest, as a share of the median. */
  readonly slowestShare: number;
  /** Seconds since the first request; measuring began at `warmUp`. */
  readonly memory: readonly MemorySample[];
}

export interface Load {
  readonly clients: number;
  /** Seconds of load before measuring: caches fill, code is compiled. */
  readonly warmUp: number;
  readonly seconds: number;
  /** Tokens of each answer. */
  readonly tokens: number;
  /** Let running answers finish at the end; otherwise they are cut off and not counted as lost. */
  readonly letEnd: boolean;
}

/** Clients that send the next request as soon as they are answered. */
export async function measureLoad(server: Server, load: Load): Promise<LoadResult> {
  const { clients, warmUp, seconds } = load;
  const began = performance.now();
  const clock = { begin: began + 1000 * warmUp, end: began + 1000 * (warmUp + seconds) };
  const cutOff = new AbortController();
  const tallies = Array.from({ length: clients }, newTally);
  const running = Promise.all(
    tallies.map((tally, index) => askAgainAndAgain(server, { ...load, index, tally, clock, cutOff })),
  );
  const memory = await watchMemory(server, began, clock.end);
  if (!load.letEnd) cutOff.abort();
  await running;
  const counts = tallies.map(({ counted }) => counted);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const firsts = tallies.flatMap(({ first }) => first).sort((a, b) => a - b);
  return {
    ...{ clients, seconds, memory, tokensPerSecond: sum(counts) / seconds },
    answers: sum(tallies.map(({ answers }) => answers)),
    lost: sum(tallies.map(({ lost }) => lost)),
    firstMedian: firsts.length > 0 ? median(firsts) : undefined,
    first99: firsts[Math.floor(0.99 * firsts.length)],
    longestPause: Math.max(...tallies.map(({ longestPause }) => longestPause)),
    slowestShare: Math.min(...counts) / median(counts),
  };
}

/** Observations of one client. */
interface Tally {
  /** Tokens in the measured time. */
  counted: number;
  answers: number;
  lost: number;
  longestPause: number;
  readonly first: number[];
}

const newTally = (): Tally => ({ counted: 0, answers: 0, lost: 0, longestPause: 0, first: [] });

interface Asking extends Load {
  readonly index: number;
  readonly tally: Tally;
  readonly clock: { readonly begin: number; readonly end: number };
  readonly cutOff: AbortController;
}

async function askAgainAndAgain(server: Server, asking: Asking): Promise<void> {
  const { index, tally, clock, cutOff } = asking;
  for (let turn = 0; performance.now() < clock.end; turn++) {
    try {
      const isWhole = await askOnce(server, asking, turn);
      if (cutOff.signal.aborted) return; // aborting ends a stream as if it were complete
      tally.answers += 1;
      if (!isWhole) tally.lost += 1;
    } catch (error) {
      if (cutOff.signal.aborted) return;
      console.error(`client ${index}: ${(error as Error).message}`);
      tally.lost += 1;
    }
  }
}

/** @returns whether all requested tokens arrived, followed by the usage */
async function askOnce(server: Server, asking: Asking, turn: number): Promise<boolean> {
  const { index, tokens, tally, clock, cutOff } = asking;
  const asked = performance.now();
  const request = {
    ...{ model: 'bench', prompt: `Client ${index} asks, for the ${turn}th time, of whales.` },
    ...{ max_tokens: tokens, stream: true, seed: index, stream_options: { include_usage: true } },
    ...{ ignore_eos: true, logprobs: 0 }, // so that chunks list their tokens
  } as OpenAI.CompletionCreateParamsStreaming;
  const stream = await server.client.completions.create(request, { signal: cutOff.signal });
  let [seen, hasEnded, last] = [0, false, 0];
  for await (const { choices, usage } of stream) {
    const fresh = choices[0]?.logprobs?.tokens?.length ?? 0;
    const now = performance.now();
    const counts = now >= clock.begin && now <= clock.end;
    if (fresh > 0 && counts) {
      if (seen === 0) tally.first.push(now - asked);
      else tally.longestPause = Math.max(tally.longestPause, now - last);
      tally.counted += fresh;
    }
    if (fresh > 0) last = now;
    seen += fresh;
    hasEnded ||= usage?.completion_tokens === tokens;
  }
  return hasEnded && seen === tokens;
}

async function watchMemory(server: Server, began: number, end: number): Promise<MemorySample[]> {
  const samples: MemorySample[] = [];
  while (performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const [residentBytes, heapBytes, cacheBytes] = await server.metrics(
      'process_resident_memory_bytes',
      'nodejs_heap_size_used_bytes',
      'plusminus_state_cache_bytes',
    );
    samples.push({
      seconds: (performance.now() - began) / 1000,
      residentBytes: residentBytes!,
      heapBytes: heapBytes!,
      cacheBytes: cacheBytes!,
    });
  }
  return samples;
}
