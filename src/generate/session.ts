/**
 * A conversation. A MatMul-free model keeps it in a recurrent state of fixed size, so a session is small and can be
 * saved, restored and forked at any token.
 */
import { BusyError, InputError } from '../errors.ts';
import { expectFunctions, expectObject, expectSignal } from '../given.ts';
import type { SequenceReader, SequenceState } from '../run/sequenceReader.ts';
import { checkTokens } from '../run/steps.ts';
import { type GenerateOptions, type GenerationTokenizer, generate } from './generate.ts';
import { encodeSession, type SavedSession } from './savedSession.ts';

/** The parts of a model that a session uses. */
export interface SessionModel {
  readonly inference: SequenceReader;
  readonly tokenizer: GenerationTokenizer & {
    encode(text: string, options?: { addSpecialTokens?: boolean; allowSpecial?: boolean }): number[];
  };
  readonly vocabulary: number;
  /** Max tokens of a session; undefined: no limit. */
  readonly contextLength?: number | undefined;
  readonly fingerprint: number;
  /** Throws once the model is disposed. */
  checkOpen(): void;
}

/** How `Session.append` reads a text. */
export interface AppendOptions {
  /** Rejects with the signal's reason and leaves the session unchanged; checked every few hundred tokens. */
  signal?: AbortSignal;
  /** Put the tokenizer's bos token before the text. Default: at the beginning of the session only. */
  addSpecialTokens?: boolean;
  /** Special tokens that the text spells, such as `</s>`, become these tokens. Default false: text is text. */
  allowSpecial?: boolean;
}

/** The repetition penalty of a session reaches back this many tokens, so that a session never grows. */
const maxRecent = 1024;

/** A conversation with a model: a sequence of tokens that is continued, saved, restored and forked. */
export class Session {
  readonly #model: SessionModel;
  /** The state after all tokens except the unread one. */
  #state: SequenceState;
  /** The last token. It is read when the next one is sampled, so that sessions need not save logits. */
  #unread: readonly number[];
  #recent: readonly number[];
  #tokens: number;
  /** The state and logits after the unread tokens, if they were read already. */
  #ahead: { readonly state: SequenceState; readonly logits: Float32Array } | undefined;
  #busy = false;

  /** Use `LanguageModel.session()` or `.restore()`. */
  constructor(model: SessionModel, saved?: SavedSession) {
    this.#model = model;
    this.#state = saved?.state.slice() ?? model.inference.newState();
    this.#unread = saved?.unread ?? [];
    this.#recent = saved?.recent ?? [];
    this.#tokens = saved?.tokens ?? 0;
  }

  /** Tokens of the session so far, appended and generated. */
  get tokens(): number {
    return this.#tokens;
  }

  /**
   * Adds text or token ids to the session.
   * @throws InputError for ids outside the vocabulary, or text if the model has no tokenizer; the session is
   * then unchanged
   */
  async append(input: string | readonly number[], options: AppendOptions = {}): Promise<void> {
    await this.#alone(async () => {
      expectObject('options', options);
      const { signal, addSpecialTokens = this.#tokens === 0, allowSpecial = false } = options;
      expectSignal(signal);
      const { inference, tokenizer, vocabulary } = this.#model;
      const ids =
        typeof input === 'string' ? tokenizer.encode(input, { addSpecialTokens, allowSpecial }) : input;
      checkTokens(ids, vocabulary);
      const unread = this.#ahead ? ids : [...this.#unread, ...ids];
      if (ids.length === 0) return;
      const state = (this.#ahead?.state ?? this.#state).slice();
      if (unread.length > 1) await inference.run(unread.slice(0, -1), state, 'none', signal);
      this.#add(ids);
      this.#state = state;
      this.#unread = unread.slice(-1);
    });
  }

  /**
   * The logits of the next token [vocabulary].
   * @throws InputError if the session is empty
   */
  async logits(signal?: AbortSignal): Promise<Float32Array> {
    return this.#alone(async () => (await this.#next(signal)).slice());
  }

  /**
   * Appends token ids in one forward pass and returns the logits that predict them [ids, vocabulary]: row k is the
   * prediction before `ids[k]` was read.
   * @throws InputError if the session is empty, or an id is outside the vocabulary; the session is then unchanged
   */
  async predict(ids: readonly number[], signal?: AbortSignal): Promise<Float32Array> {
    return this.#alone(async () => {
      const { inference, vocabulary } = this.#model;
      checkTokens(ids, vocabulary);
      if (this.#tokens === 0)
        throw new InputError('session: it is empty; append the first token before predicting');
      const logits = new Float32Array(ids.length * vocabulary);
      if (ids.length === 0) return logits;
      // The logits after the last token may be known. Otherwise it is read first, in the same pass.
      const known = this.#ahead?.logits ?? [];
      const unread = [...(this.#ahead ? [] : this.#unread), ...ids.slice(0, -1)];
      const state = (this.#ahead?.state ?? this.#state).slice();
      logits.set(known);
      if (unread.length > 0) logits.set(await inference.run(unread, state, 'all', signal), known.length);
      this.#add(ids);
      this.#state = state;
      this.#unread = ids.slice(-1);
      return logits;
    });
  }

  /**
   * Continues the session: yields text as it is generated and appends it to the session, including an ending eos
   * token. If the caller leaves the loop early, the session keeps the tokens generated so far. Options as for
   * `LanguageModel.generate`; the repetition penalty sees the last 1,024 tokens.
   */
  async *generate(options: GenerateOptions = {}): AsyncGenerator<string> {
    expectObject('options', options);
    const before = this.#tokens;
    const { onToken, onFinish } = options;
    expectFunctions({ onToken, onFinish });
    const { contextLength, vocabulary } = this.#model;
    const logits = new Float32Array(vocabulary);
    const model = {
      // Of a long session, `recent` is the end only.
      contextLength: contextLength && contextLength - before + this.#recent.length,
      // The first call repeats the session's tokens, except in an empty session, where it is the bos token.
      append: (tokens: readonly number[], signal?: AbortSignal) => {
        if (this.#tokens === 0) this.#add(tokens);
        return this.#next(signal, logits);
      },
    };
    this.#begin();
    const { bosTokenId } = this.#model.tokenizer;
    // Tokens that a form forces come before the first call of `append`.
    if (before === 0 && options.responseFormat && bosTokenId !== undefined) this.#add([bosTokenId]);
    try {
      yield* generate(model, this.#model.tokenizer, this.#recent, {
        ...options,
        onToken: (id) => {
          this.#add([id]);
          onToken?.(id);
        },
        onFinish: (finish) =>
          onFinish?.({ ...finish, promptTokens: before || finish.promptTokens, unread: [] }),
      });
    } finally {
      this.#busy = false;
    }
  }

  /** The whole session as bytes, for `LanguageModel.restore`; at any time, even while it generates. */
  save(): Uint8Array {
    return encodeSession(this.#parts(), this.#model.fingerprint);
  }

  /** An independent copy of this session. */
  fork(): Session {
    this.#model.checkOpen();
    return new Session(this.#model, this.#parts());
  }

  #parts(): SavedSession {
    return { tokens: this.#tokens, unread: this.#unread, recent: this.#recent, state: this.#state };
  }

  /** The logits of the next token; `into` receives them, unless they are known. */
  async #next(signal: AbortSignal | undefined, into?: Float32Array): Promise<Float32Array> {
    this.#model.checkOpen();
    if (this.#tokens === 0)
      throw new InputError('session: found no token; append text or tokens to it first');
    if (!this.#ahead) {
      const state = this.#state.slice();
      const logits = await this.#model.inference.run(this.#unread, state, 'last', signal, into);
      this.#ahead = { state, logits };
    }
    return this.#ahead.logits;
  }

  /** Counts tokens in, unread. */
  #add(ids: readonly number[]): void {
    if (this.#ahead) {
      this.#state = this.#ahead.state;
      this.#unread = [];
      this.#ahead = undefined;
    }
    this.#unread = [...this.#unread, ...ids];
    this.#recent = [...this.#recent, ...ids].slice(-maxRecent);
    this.#tokens += ids.length;
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    this.#begin();
    try {
      return await work();
    } finally {
      this.#busy = false;
    }
  }

  #begin(): void {
    this.#model.checkOpen();
    if (this.#busy) {
      throw new BusyError(
        'session: it is busy; await the earlier append() or let the earlier generate() end first, or fork()',
      );
    }
    this.#busy = true;
  }
}
