/** The library's main class: a language model that computes logits and generates text. */
import type { Progress } from './checkpoint/tensorSource.ts';
import type { Engine } from './engine/engine.ts';
import type { EngineChoice } from './engine/engines.ts';
import { DisposedError, InputError } from './errors.ts';
import type { ChatMessage } from './generate/chatTemplate.ts';
import { generate } from './generate/generate.ts';
import { NoTokenizer } from './generate/noTokenizer.ts';
import { decodeSession } from './generate/savedSession.ts';
import { Session, type SessionModel } from './generate/session.ts';
import { expectList, expectObject, expectSignal } from './given.ts';
import { Chat, type ChatStart } from './library/chat.ts';
import { type Completion, collect, runToEnd } from './library/completion.ts';
import { stopWatching, watchForDisposal } from './library/disposal.ts';
import { type EmbedOptions, embed } from './library/embeddings.ts';
import { Generations } from './library/generations.ts';
import { checkMessages, type Prompt, type PromptOptions, readablePrompt } from './library/prompt.ts';
import { type RespondOptions, responding, type ToolResponse, type Tools } from './library/respond.ts';
import type { ModelSource } from './library/source.ts';
import { loadModel } from './loadModel.ts';
import type { Architecture, KvCacheType } from './model/architecture.ts';
import { attends, type ModelConfig } from './model/config.ts';
import type { Weights } from './model/weights.ts';
import { Embedder } from './run/embedder.ts';
import { type MemoryNeeds, memoryNeeds } from './run/memory.ts';
import type { RunnableModel } from './run/model.ts';
import { scorerOf, sequenceReader } from './run/readers.ts';
import type { MemoryRoom } from './run/room.ts';
import type { Question, Scorer, TokenScore } from './run/scoring.ts';
import { Turns } from './run/turns.ts';
import type { TextTokenizer } from './text/tokenizer.ts';

/** Bytes so far and in total, of a download or of reading the parameters into memory. */
export interface LoadProgress extends Progress {
  readonly phase: 'download' | 'load';
}

/** How a model is loaded. */
export interface LoadOptions {
  /**
   * The engine: `cpu`, `webgpu`, `cuda` or `reference`. Default: `auto`, which is an NVIDIA GPU where CUDA works and no
   * `threads` are asked for, else the CPU.
   */
  readonly engine?: EngineChoice | undefined;
  /** Worker threads of the CPU, 0 to 256; 0 computes on the calling thread. Default: the cores, at most 16. */
  readonly threads?: number | undefined;
  /**
   * How models that attend keep keys and values: `f32`, `f16` or `int8`, which take 4, 2 and about 1 byte for each
   * number. Default: `f32`, whose logits are those of a pass without a cache.
   */
  readonly kvCacheType?: KvCacheType | undefined;
  /** Called as bytes are downloaded and read. */
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
  /** Called before the weights are read, with the memory that the model needs. */
  readonly onMemory?: ((room: MemoryRoom) => void) | undefined;
  /** Stops downloading or loading; `load` then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Hub: branch, tag or commit. Default: main. */
  readonly revision?: string | undefined;
  /** Hub, in Node: where downloads are kept. Default: plusminus/ in $XDG_CACHE_HOME or ~/.cache. */
  readonly cacheDir?: string | undefined;
  /** Hub: for private and gated models. Default in Node: $HF_TOKEN. */
  readonly token?: string | undefined;
  /**
   * Folder of the library's `*.wasm` files, where a bundler has moved the library away from them. Applies to all
   * models loaded from then on. Default: the folder `build/` of the package.
   */
  readonly kernels?: string | URL | undefined;
}

/** The parts of a loaded model. */
export interface ModelParts {
  readonly config: ModelConfig;
  readonly architecture: Architecture;
  readonly engine: Engine;
  readonly weights: Weights;
  readonly tokenizer: TextTokenizer | undefined;
  /** Identifies the model in saved sessions. */
  readonly fingerprint: number;
  /** Bytes of the engine's memory in use. */
  readonly usedBytes: () => number;
}

/** Bytes. */
export interface ModelMemory extends MemoryNeeds {
  /** The engine's memory in use now: weights and the programs run so far. */
  readonly inUse: number;
}

/** Max bytes of the logits that `forward` returns. */
const maxLogitBytes = 2 ** 31;

/** A language model: it computes logits, generates and scores text, chats and embeds. */
export class LanguageModel {
  readonly config: ModelConfig;
  /** Undefined if the model folder has none; the model then takes and returns token ids only. */
  readonly tokenizer: TextTokenizer | undefined;
  readonly #parts: ModelParts;
  readonly #sessions: SessionModel;
  readonly #generations: Generations;
  readonly #needs: () => MemoryNeeds;
  /** Serialises everything that runs on the engine. */
  readonly #turns = new Turns();
  #scorer: Scorer | undefined;
  #embedder: Embedder | undefined;
  #disposed: Promise<void> | undefined;

  /**
   * Loads a model: downloads it if need be, and reads its weights into the engine's memory. Float and packed weights
   * both load; in memory they are packed.
   * @param source `plusminus/stories` (the default) or `plusminus/chat`, which the package `@plusminus/models` brings;
   *   a model folder, a Hub name such as `ridger/MMfreeLM-370M`, its https address, a `URL`, or the model's files
   * @throws InputError if there is no such model, or it is damaged or not supported; OutOfMemoryError, before
   *   its weights are read, if it does not fit; the signal's reason if it is aborted
   */
  static async load(
    source: ModelSource = 'plusminus/stories',
    options: LoadOptions = {},
  ): Promise<LanguageModel> {
    return new LanguageModel(await loadModel(source, options));
  }

  /** Use `LanguageModel.load`. */
  constructor(parts: ModelParts) {
    const { config, architecture, engine, weights, tokenizer, fingerprint } = parts;
    this.config = config;
    this.tokenizer = tokenizer;
    this.#parts = parts;
    this.#sessions = {
      inference: sequenceReader(this.#runnable),
      tokenizer: tokenizer ?? new NoTokenizer(config),
      vocabulary: config.vocabSize,
      contextLength: attends(config) ? config.maxPositionEmbeddings : undefined,
      fingerprint,
      checkOpen: () => this.#checkOpen(),
    };
    const { inference, checkOpen } = this.#sessions;
    this.#generations = new Generations(this.#runnable, inference, checkOpen);
    watchForDisposal(this, engine);
    let needs: MemoryNeeds | undefined;
    this.#needs = () => {
      needs ??= memoryNeeds({ architecture, weights }, engine.longestStep);
      return needs;
    };
  }

  /** A description of the engine for people: instruction sets, threads. */
  get engine(): string {
    return `${this.#parts.engine.name} (${this.#parts.engine.description})`;
  }

  /** Identifies this checkpoint, also among checkpoints of one training run: an unsigned 32-bit integer. */
  get fingerprint(): number {
    return this.#parts.fingerprint;
  }

  /** The memory that the model needs, and what it uses now. */
  get memory(): ModelMemory {
    return { ...this.#needs(), inUse: this.#disposed ? 0 : this.#parts.usedBytes() };
  }

  /**
   * Reads a sequence from its beginning. Row t of `logits` [tokens, vocabulary] predicts token t + 1.
   * @throws InputError for an empty list, an id outside the vocabulary, or logits beyond 2 GiB
   */
  async forward(
    tokens: readonly number[],
    options: { signal?: AbortSignal | undefined } = {},
  ): Promise<{ logits: Float32Array }> {
    this.#checkOpen();
    const signal = signalOf(options);
    expectList('tokens', tokens, 'token ids');
    const bytes = 4 * tokens.length * this.config.vocabSize;
    if (bytes > maxLogitBytes) {
      throw new InputError(
        `forward: the logits of ${tokens.length} tokens take ${bytes} bytes, expected at most 2^31; ` +
          'read them in parts, through session()',
      );
    }
    const { inference } = this.#sessions;
    return { logits: await inference.run(tokens, inference.newState(), 'all', signal) };
  }

  /**
   * Scores texts: returns the log-probability of each token of each continuation of each question. Pass many questions
   * at once: they share programs, which is far faster, above all on a GPU. Scores do not depend on the other questions.
   * @throws InputError for an empty context, an id outside the vocabulary, or a text beyond the context length of a
   * model that attends; the signal's reason if it is aborted
   */
  async score(
    questions: readonly Question[],
    options: { signal?: AbortSignal | undefined } = {},
  ): Promise<TokenScore[][][]> {
    this.#checkOpen();
    const signal = signalOf(options);
    return this.#scoring.score(questions, signal);
  }

  /** Tokens per call of `score` for full throughput; fewer take hardly less time. */
  get tokensAtOnce(): number {
    return this.#scoring.tokensAtOnce;
  }

  get #scoring(): Scorer {
    this.#scorer ??= scorerOf(this.#runnable);
    return this.#scorer;
  }

  get #runnable(): RunnableModel {
    const { engine, architecture, weights, config } = this.#parts;
    return { engine, architecture, weights, vocabulary: config.vocabSize, turns: this.#turns };
  }

  /**
   * Continues a prompt: yields text as it is generated. Concurrent generations share a batch, which is
   * several times as fast as one after the other; their texts do not depend on each other.
   * @param prompt text; messages, which the chat template renders and the model answers; or token ids, which are used
   *   as they are. A model without tokenizer yields no text, but `onToken` reports the ids
   * @throws InputError at the first step, if an option is unknown or out of range, or the prompt has no token
   */
  async *generate(prompt: Prompt, asked: PromptOptions = {}): AsyncGenerator<string> {
    this.#checkOpen();
    expectObject('options', asked);
    const { tools, ...options } = asked;
    const { input, stop } = readablePrompt(prompt, this.tokenizer, tools);
    const { tokenizer, contextLength } = this.#sessions;
    const stops = stop.length > 0 ? { stop: [...stop, ...[options.stop ?? []].flat()] } : {};
    yield* this.#generations.run((model) =>
      generate({ ...model, contextLength }, tokenizer, input, { ...options, ...stops }),
    );
  }

  /**
   * The whole continuation of a prompt, or answer to messages, with its tokens, usage and finish reason.
   * @throws as `generate`; the signal's reason if it is aborted
   */
  complete(prompt: Prompt, options: PromptOptions = {}): Promise<Completion> {
    return collect((hooked) => this.generate(prompt, hooked), options);
  }

  /**
   * Answers messages with tools: calls the functions that the model asks for, tells it what they return, and repeats
   * that until the model answers.
   * @throws as `complete`; InputError if a tool is wrong, or the model calls tools in each of `maxSteps` answers
   */
  async respond(messages: readonly ChatMessage[], options: RespondOptions): Promise<ToolResponse> {
    const { tokenizer } = this;
    expectObject('options', options);
    checkMessages(messages);
    if (!tokenizer) throw new InputError('respond: this model has no tokenizer, which tools need');
    const pieces = responding((told, asked) => this.generate(told, asked), tokenizer, messages, options);
    return runToEnd(pieces, options.signal);
  }

  /**
   * Embeds texts: one vector each, for similarity and search. Pass many at once: they share programs.
   * @param texts texts, or token ids, which are used as they are
   * @throws InputError for a text without tokens or with more than 8,192, or an option that is wrong; the signal's reason
   */
  async embed(
    texts: readonly (string | readonly number[])[],
    options: EmbedOptions = {},
  ): Promise<Float32Array[]> {
    this.#checkOpen();
    expectList('texts', texts, 'texts');
    const { inference, tokenizer } = this.#sessions;
    this.#embedder ??= new Embedder(this.#runnable);
    return embed(
      { embedder: this.#embedder, reader: inference, config: this.config },
      texts.map((text) => (typeof text === 'string' ? tokenizer.encode(text) : text)),
      options,
    );
  }

  /**
   * A chat: it keeps the history, and the model reads each message once. With `tools`, the model may call them in every
   * answer.
   * @throws InputError if the model has no tokenizer, a tool is wrong, or the saved chat is damaged or of another model
   */
  chat(start: ChatStart & { readonly tools: Tools }): Chat<ToolResponse>;
  chat(start?: ChatStart): Chat;
  chat(start: ChatStart = {}): Chat {
    this.#checkOpen();
    const { tokenizer } = this;
    if (!tokenizer) throw new InputError('chat: this model has no tokenizer, which a chat needs');
    const model = {
      tokenizer,
      session: () => this.session(),
      restore: (saved: Uint8Array) => this.restore(saved),
      respond: (told: readonly ChatMessage[], asked: RespondOptions) => this.respond(told, asked),
    };
    return new Chat(model, start);
  }

  /** A new, empty conversation. */
  session(): Session {
    this.#checkOpen();
    return new Session(this.#sessions);
  }

  /**
   * Restores a session from the bytes of `Session.save`. It continues exactly as the original would.
   * @throws InputError if the bytes are cut off, damaged, of a newer version or of another model
   */
  restore(saved: Uint8Array): Session {
    this.#checkOpen();
    const { inference, vocabulary, fingerprint } = this.#sessions;
    const stateSize = inference.newState().length;
    return new Session(this.#sessions, decodeSession(saved, { fingerprint, vocabulary, stateSize }));
  }

  /** Ends the engine's threads and gives its memory back. Further use is an error; disposing again is not. */
  dispose(): Promise<void> {
    stopWatching(this);
    this.#disposed ??= this.#parts.engine.dispose();
    return this.#disposed;
  }

  /** `dispose`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  #checkOpen(): void {
    if (this.#disposed) throw new DisposedError('the model was disposed; load it again to use it');
  }
}

/** @throws InputError if the options, or their signal, are none */
function signalOf(options: { readonly signal?: AbortSignal | undefined }): AbortSignal | undefined {
  expectObject('options', options);
  expectSignal(options.signal);
  return options.signal;
}
