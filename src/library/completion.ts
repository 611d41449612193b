/** A whole answer, awaited. */
import type { Finish, FinishReason, GenerateOptions } from '../generate/generate.ts';
import { expectFunctions, expectObject } from '../given.ts';

/** Tokens that were read and sampled. */
export interface Usage {
  readonly promptTokens: number;
  /** Sampled tokens, without the end-of-sequence token. */
  readonly completionTokens: number;
  readonly totalTokens: number;
}

/** A whole answer. */
export interface Completion {
  readonly text: string;
  /** Ids of the sampled tokens, the end-of-sequence token included. */
  readonly tokens: readonly number[];
  /** `stop` at a stop text or when the form is complete, `eos` at an end-of-sequence token, `length` at `maxTokens`. */
  readonly finishReason: Exclude<FinishReason, 'abort'>;
  readonly usage: Usage;
}

type Generate = (options: GenerateOptions) => AsyncGenerator<string>;

/**
 * Runs a generator to its end.
 * @throws the signal's reason if it is aborted
 */
export function collect(generate: Generate, options: GenerateOptions): Promise<Completion> {
  return runToEnd(collecting(generate, options), options?.signal);
}

/** What `pieces` returns at its end. @throws the signal's reason for undefined */
export async function runToEnd<T>(
  pieces: AsyncGenerator<string, T | undefined>,
  signal: AbortSignal | undefined,
): Promise<T> {
  for (;;) {
    const next = await pieces.next();
    if (!next.done) continue;
    if (next.value === undefined) throw signal!.reason;
    return next.value;
  }
}

/** Yields what a generator yields, and returns the whole; undefined if it was aborted. */
export async function* collecting(
  generate: Generate,
  options: GenerateOptions,
): AsyncGenerator<string, Completion | undefined> {
  expectObject('options', options);
  expectFunctions({ onToken: options.onToken, onFinish: options.onFinish });
  let text = '';
  const tokens: number[] = [];
  let finish: Finish | undefined;
  const pieces = generate({
    ...options,
    onToken: (id) => {
      tokens.push(id);
      options.onToken?.(id);
    },
    onFinish: (ended) => {
      finish = ended;
      options.onFinish?.(ended);
    },
  });
  for await (const piece of pieces) {
    text += piece;
    yield piece;
  }
  const { reason, promptTokens, tokens: completionTokens } = finish!;
  if (reason === 'abort') return undefined;
  return {
    ...{ text, tokens, finishReason: reason },
    usage: { promptTokens, completionTokens, totalTokens: promptTokens + completionTokens },
  };
}
