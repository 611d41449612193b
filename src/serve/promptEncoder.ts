/**
 * Encodes prompts without keeping other requests waiting: in slices of some milliseconds, and long texts one at a time,
 * with clients in turn. Encoding stops at the maximum tokens of a prompt, however long the text is.
 */
import type { NextPrompt } from '../generate/chatFormat.ts';
import type { EncodeOptions, TextTokenizer } from '../text/tokenizer.ts';
import { ApiError } from './apiError.ts';
import { FairQueue } from './fairQueue.ts';
import type { Limits } from './runtime.ts';
import type { Caller } from './scope.ts';

/** Shorter texts are encoded at once: they take at most one slice. */
const longText = 8192;

interface Waiter {
  readonly client: string;
  readonly grant: () => void;
}

export class PromptEncoder {
  readonly #tokenizer: TextTokenizer;
  readonly #limit: number;
  readonly #expected: string;
  readonly #queue = new FairQueue<Waiter>();
  /** The client whose text is being encoded. */
  #served: string | undefined;

  constructor(tokenizer: TextTokenizer, { promptTokens, contextTokens }: Limits) {
    this.#tokenizer = tokenizer;
    this.#limit = Math.min(promptTokens, contextTokens);
    this.#expected =
      contextTokens <= promptTokens
        ? `at most ${contextTokens}, the context length of the model`
        : `at most ${promptTokens}`;
  }

  /**
   * @param where the field, for messages
   * @throws ApiError if there are more tokens than a prompt may have; the signal's reason
   */
  encode(text: string, options: EncodeOptions, where: string, caller: Caller): Promise<readonly number[]> {
    return this.#inTurn(text, caller, async () => {
      const { signal } = caller;
      const found = await this.#tokenizer.encodeInSlices(text, this.#limit, { ...options, signal });
      if (!found.complete) throw this.#tooLong(where);
      return found.ids;
    });
  }

  /** Like `encode`, for the ids of a chat that follow an answer. */
  encodeNext(prompt: NextPrompt, where: string, caller: Caller): Promise<readonly number[]> {
    const { text, from, ...options } = prompt;
    return this.#inTurn(text, caller, async () => {
      // The text before the offset is short, and not the request's.
      const limit = this.#limit + from;
      const { signal } = caller;
      const found = await this.#tokenizer.encodeWithOffsetsInSlices(text, [from], limit, {
        ...options,
        signal,
      });
      if (!found.complete) throw this.#tooLong(where);
      return found.ids.slice(found.before[0]);
    });
  }

  async #inTurn<T>(text: string, caller: Caller, work: () => Promise<T>): Promise<T> {
    caller.signal.throwIfAborted();
    if (text.length < longText) return work();
    if (this.#served === undefined) this.#served = caller.client;
    else await this.#wait(caller);
    try {
      return await work();
    } finally {
      const next = this.#queue.next((client) => (client === this.#served ? 1 : 0));
      this.#served = next?.client;
      next?.grant();
    }
  }

  #wait({ client, signal }: Caller): Promise<void> {
    return new Promise((resolve, reject) => {
      const aborted = () => {
        this.#queue.delete(client, waiter);
        reject(signal.reason);
      };
      const grant = () => {
        signal.removeEventListener('abort', aborted);
        resolve();
      };
      const waiter: Waiter = { client, grant };
      this.#queue.add(client, waiter);
      signal.addEventListener('abort', aborted, { once: true });
    });
  }

  #tooLong(where: string): ApiError {
    return new ApiError(400, `${where}: found more than ${this.#limit} tokens, expected ${this.#expected}`, {
      param: where.replace(/\[\d+\]$/, ''),
      code: 'context_length_exceeded',
    });
  }
}
