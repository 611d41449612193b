/**
 * Encodes prompts without keeping other requests waiting: long texts in slices, one text at a time, with clients in turn.
 * Encoding stops at the maximum tokens of a prompt, however long the text is.
 */
import type { NextPrompt } from '../generate/chatFormat.ts';
import { atOnce, type LimitedIds } from '../text/encoding.ts';
import type { EncodeOptions, TextTokenizer } from '../text/tokenizer.ts';
import { ApiError } from './apiError.ts';
import { FairQueue } from './fairQueue.ts';
import type { LongWork } from './longWork.ts';
import type { Limits } from './runtime.ts';
import type { Caller } from './scope.ts';

/** A request's texts are encoded at once while they are together shorter: that takes at most one slice. */
export const longText = 8192;

interface Waiter {
  readonly client: string;
  readonly grant: () => void;
}

export class PromptEncoder {
  readonly #tokenizer: TextTokenizer;
  readonly #limit: number;
  readonly #expected: string;
  readonly #longWork: LongWork;
  /** Characters that each request has had encoded. */
  readonly #lengths = new WeakMap<Caller, number>();
  readonly #queue = new FairQueue<Waiter>();
  /** The client whose text is being encoded. */
  #served: string | undefined;

  constructor(tokenizer: TextTokenizer, { promptTokens, contextTokens }: Limits, longWork: LongWork) {
    this.#tokenizer = tokenizer;
    this.#longWork = longWork;
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
  async encode(
    text: string,
    options: EncodeOptions,
    where: string,
    caller: Caller,
  ): Promise<readonly number[]> {
    const work = this.#tokenizer.encodeStepwise(text, this.#limit, options);
    return (await this.#complete(text, work, where, caller)).ids;
  }

  /** Like `encode`, for the ids of a chat that follow an answer. */
  async encodeNext(prompt: NextPrompt, where: string, caller: Caller): Promise<readonly number[]> {
    const { text, from, ...options } = prompt;
    // The text before the offset is short, and not the request's.
    const limit = this.#limit + from;
    const work = this.#tokenizer.encodeWithOffsetsStepwise(text, [from], limit, options);
    const { ids, before } = await this.#complete(text, work, where, caller);
    return ids.slice(before[0]);
  }

  async #complete<T extends LimitedIds>(
    text: string,
    work: Generator<unknown, T>,
    where: string,
    caller: Caller,
  ): Promise<T> {
    caller.signal.throwIfAborted();
    const length = (this.#lengths.get(caller) ?? 0) + text.length;
    this.#lengths.set(caller, length);
    const found = length < longText ? atOnce(work) : await this.#inTurn(work, caller);
    if (found.complete) return found;
    throw new ApiError(400, `${where}: found more than ${this.#limit} tokens, expected ${this.#expected}`, {
      param: where.replace(/\[\d+\]$/, ''),
      code: 'context_length_exceeded',
    });
  }

  async #inTurn<T>(work: Generator<unknown, T>, caller: Caller): Promise<T> {
    if (this.#served === undefined) this.#served = caller.client;
    else await this.#wait(caller);
    try {
      return await this.#longWork.run(work, caller);
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
}
