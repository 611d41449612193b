/** Prefill: reads a prompt from its longest cached prefix, or token by token to score it. */
import type { SavedSession } from '../generate/savedSession.ts';
import type { Beginning } from './choice.ts';
import { logProbability, type TokenLogprob } from './logProbability.ts';
import type { Runtime } from './runtime.ts';
import type { Caller } from './scope.ts';
import type { Sequence } from './sequence.ts';

/** Minimum tokens of a prefix shared with an earlier text to be cached as its own state. */
const worthKeeping = 16;

export interface ReadPrompt extends Beginning {
  /** Number of tokens that were cached. */
  readonly cached: number;
  /** For each token but the first, if requested. */
  readonly logprobs: readonly TokenLogprob[];
}

export interface PromptOptions {
  /** At least one token. */
  readonly tokens: readonly number[];
  readonly earlier: SavedSession | undefined;
  /** Number of most probable tokens to list for each token of the prompt; undefined: do not score it. */
  readonly scored: number | undefined;
  /** Tokens at the beginning whose state other prompts will want. */
  readonly preamble?: number | undefined;
}

/** Takes a slot and reads all but the last token. The caller closes the sequence. */
export async function readPrompt(
  runtime: Runtime,
  { tokens, earlier, scored, preamble = 0 }: PromptOptions,
  caller: Caller,
): Promise<ReadPrompt> {
  if (scored !== undefined) return scorePrompt(runtime, tokens, scored, caller);
  const { signal } = caller;
  const body = tokens.slice(0, -1);
  if (earlier) {
    const sequence = await runtime.scheduler.open(earlier.state, caller);
    await orClose(sequence, () => readSome(sequence, body, signal));
    return { sequence, tokens, earlier, cached: 0, logprobs: [] };
  }
  const { cache, scheduler } = runtime;
  const hit = await cache.find(body);
  const sequence = await scheduler.open(hit.state, caller);
  await orClose(sequence, async () => {
    // Two texts share a prefix and then differ: a third may share it too.
    const branches = hit.shared - hit.length >= worthKeeping && hit.shared < body.length;
    const shared = [...(branches ? [hit.shared] : []), ...(preamble > hit.length ? [preamble] : [])];
    const stops = [...shared.filter((stop) => stop < body.length), body.length].sort((a, b) => a - b);
    let at = hit.length;
    for (const stop of stops) {
      if (stop === at) continue;
      await readSome(sequence, body.slice(at, stop), signal);
      const state = await sequence.save();
      if (stop === preamble) cache.keep(body.slice(0, stop), state);
      else cache.put(body.slice(0, stop), state);
      at = stop;
    }
  });
  return { sequence, tokens, earlier, cached: hit.length, logprobs: [] };
}

async function scorePrompt(
  { scheduler, longWork }: Runtime,
  tokens: readonly number[],
  count: number,
  caller: Caller,
): Promise<ReadPrompt> {
  const sequence = await scheduler.open(undefined, caller);
  const logprobs: TokenLogprob[] = [];
  const { vocabulary } = scheduler;
  function* scored(logits: Float32Array, first: number): Generator<undefined, void> {
    for (let row = 0; row * vocabulary < logits.length; row++) {
      const of = logits.subarray(row * vocabulary, (row + 1) * vocabulary);
      logprobs.push(logProbability(of, tokens[first + row + 1]!, count));
      yield;
    }
  }
  const reader = (logits: Float32Array, first: number) => longWork.run(scored(logits, first), caller);
  await orClose(sequence, async () => {
    if (tokens.length > 1) await sequence.score(tokens.slice(0, -1), reader, caller.signal);
  });
  return { sequence, tokens, earlier: undefined, cached: 0, logprobs };
}

async function readSome(sequence: Sequence, tokens: readonly number[], signal: AbortSignal): Promise<void> {
  if (tokens.length > 0) await sequence.read(tokens, signal);
}

async function orClose(sequence: Sequence, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    sequence.close();
    throw error;
  }
}
