/** Running tasks: a model, items, scores, figures. Everything is asked of the model through sessions. */
import { show } from '../checkpoint/json.ts';
import { InputError } from '../errors.ts';
import type { LanguageModel } from '../languageModel.ts';
import { hashTokenizer } from '../text/shards.ts';
import { RequestEncoder, rollingWindows, type TokenPair } from './encode.ts';
import { scoreTokens, sumScores, type TokenScore } from './logLikelihood.ts';
import { metricsOf, type ScoredItem } from './metrics.ts';
import { noMemory, type ScoreMemory, scoreKey } from './scoresFile.ts';
import type { Item, Metric, RequestScore, Task } from './task.ts';

export interface EvaluateOptions {
  /** Put the bos token before each text. Default: as the tokenizer does by itself. */
  readonly bos?: boolean | undefined;
  /** Tokens that the model may see at once. Default: what it was made for. */
  readonly window?: number | undefined;
  readonly memory?: ScoreMemory | undefined;
  readonly signal?: AbortSignal | undefined;
  /** After each item. */
  readonly onItem?: ((done: number, scored: readonly ScoredItem[]) => void) | undefined;
}

export interface TaskResult {
  readonly metrics: readonly Metric[];
  readonly scored: readonly ScoredItem[];
}

/** Scores requests of one model. */
export class Evaluator {
  readonly #model: LanguageModel;
  readonly #encoder: RequestEncoder;
  readonly #window: number;
  readonly #options: EvaluateOptions;
  readonly #identity: readonly unknown[];

  /** @throws InputError if the model has no tokenizer, or options do not fit it */
  constructor(model: LanguageModel, options: EvaluateOptions = {}) {
    const { tokenizer, config } = model;
    if (!tokenizer) {
      throw new InputError(
        'model: found no tokenizer in its folder, expected tokenizer.json or tokenizer.model',
      );
    }
    const { bos, window = config.maxPositionEmbeddings } = options;
    if (!Number.isSafeInteger(window) || window < 1) {
      throw new InputError(`window: found ${show(window)}, expected an integer of 1 or more`);
    }
    this.#model = model;
    this.#encoder = new RequestEncoder(tokenizer, bos);
    this.#window = window;
    this.#options = options;
    this.#identity = [model.fingerprint, hashTokenizer(tokenizer), model.engine.split(' ')[0], bos, window];
  }

  /**
   * @param items at least one
   * @throws InputError naming the row that cannot be scored; the signal's reason if it is aborted
   */
  async task(task: Pick<Task, 'name' | 'version' | 'scoring'>, items: readonly Item[]): Promise<TaskResult> {
    const { memory = noMemory, signal, onItem } = this.#options;
    const scored: ScoredItem[] = [];
    for (const [index, item] of items.entries()) {
      signal?.throwIfAborted();
      const key = scoreKey([...this.#identity, task.name, task.version], item.requests);
      let scores = memory.find(key);
      if (scores?.length !== item.requests.length) {
        scores = await this.item(task, item);
        await memory.add({ key, task: task.name, item: index, scores: [...scores] });
      }
      scored.push({ item, scores });
      onItem?.(scored.length, scored);
    }
    return { metrics: metricsOf(task.scoring, scored), scored };
  }

  /** The score of each request of an item. */
  async item({ scoring }: Pick<Task, 'scoring'>, item: Item): Promise<readonly RequestScore[]> {
    try {
      if (scoring === 'text') return [sumScores(await this.text(item.requests[0]!.continuation))];
      const pairs = item.requests.map((request) => this.#encoder.pair(request));
      return await this.#pairs(pairs);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      throw new InputError(`${item.where}: ${error.message}`, { cause: error });
    }
  }

  /** The score of each token of a text, in windows if it is longer than the model sees at once. */
  async text(text: string): Promise<TokenScore[]> {
    const scores: TokenScore[] = [];
    const { prefix } = this.#encoder;
    for (const pair of rollingWindows(this.#encoder.text(text), prefix, this.#window)) {
      this.#checkIds(pair);
      const session = this.#model.session();
      await session.append(pair.context, this.#appendOptions);
      scores.push(...(await this.#score(session, pair.continuation)));
    }
    return scores;
  }

  /** A context is read once, and its state forked for each continuation. */
  async #pairs(pairs: readonly TokenPair[]): Promise<RequestScore[]> {
    const sessions = new Map<string, ReturnType<LanguageModel['session']>>();
    const scores: RequestScore[] = [];
    for (const pair of pairs) {
      this.#checkIds(pair);
      const context = this.#fitting(pair);
      const key = context.join();
      let session = sessions.get(key);
      if (!session) {
        session = this.#model.session();
        await session.append(context, this.#appendOptions);
        sessions.set(key, session);
      }
      scores.push(sumScores(await this.#score(session.fork(), pair.continuation)));
    }
    return scores;
  }

  #score(session: Parameters<typeof scoreTokens>[0], ids: readonly number[]): Promise<TokenScore[]> {
    return scoreTokens(session, ids, this.#model.config.vocabSize, { signal: this.#options.signal });
  }

  /** The end of a context that is too long for the model; the last token of all is foretold, not seen. */
  #fitting({ context, continuation }: TokenPair): readonly number[] {
    const room = this.#window + 1 - continuation.length;
    if (room < 1) {
      throw new InputError(
        `found a continuation of ${continuation.length} tokens, expected at most ${this.#window}`,
      );
    }
    return context.slice(-room);
  }

  #checkIds({ context, continuation }: TokenPair): void {
    const { vocabSize } = this.#model.config;
    const id = [...context, ...continuation].find((one) => one >= vocabSize);
    if (id === undefined) return;
    throw new InputError(
      `the tokenizer gives the id ${id} (${show(this.#model.tokenizer?.token(id))}), but the model knows ` +
        `${vocabSize} tokens only; this is not the model's tokenizer`,
    );
  }

  get #appendOptions() {
    const { signal } = this.#options;
    return signal ? { signal } : {};
  }
}
