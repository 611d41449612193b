/** Running tasks: a model, items, scores, figures. Everything is asked of the model through sessions. */
import { show } from '../checkpoint/json.ts';
import { InputError } from '../errors.ts';
import type { LanguageModel } from '../languageModel.ts';
import { alone, type Group } from '../mpi/group.ts';
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
  /** Ranks that share the items, each with the model in its own memory; the memory of rank 0 counts. */
  readonly group?: Group | undefined;
  readonly signal?: AbortSignal | undefined;
  /** After each item. */
  readonly onItem?: ((done: number, scored: readonly ScoredItem[]) => void) | undefined;
}

export interface TaskResult {
  readonly metrics: readonly Metric[];
  readonly scored: readonly ScoredItem[];
}

/** Items of each rank between two exchanges. */
const itemsAtOnce = 16;

/** As JSON holds them: an infinite logarithm is no number there. */
type SentScores = readonly [
  index: number,
  scores: readonly (Omit<RequestScore, 'logLikelihood'> & { readonly logLikelihood: string })[],
];

const sent = (index: number, scores: readonly RequestScore[]): SentScores => [
  index,
  scores.map((score) => ({ ...score, logLikelihood: String(score.logLikelihood) })),
];

const received = ([index, scores]: SentScores): [number, readonly RequestScore[]] => [
  index,
  scores.map((score) => ({ ...score, logLikelihood: Number(score.logLikelihood) })),
];

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
   * Every rank returns the scores of all items; they are those of one rank, since each item is scored by itself.
   * @param items at least one
   * @throws InputError naming the row that cannot be scored; the signal's reason if it is aborted
   */
  async task(task: Pick<Task, 'name' | 'version' | 'scoring'>, items: readonly Item[]): Promise<TaskResult> {
    const { memory = noMemory, group = alone, onItem } = this.#options;
    const keys = items.map(({ requests }) =>
      scoreKey([...this.#identity, task.name, task.version], requests),
    );
    const known = await this.#known(items, keys);
    const scored: ScoredItem[] = [];
    // Ranks exchange scores after as many items as keep waiting short, and little is lost if they are stopped.
    const block = group.size === 1 ? 1 : itemsAtOnce * group.size;
    for (let start = 0; start < items.length; start += block) {
      const fresh = await this.#block(task, items.slice(start, start + block), start, known);
      for (const [index, item] of [...items.entries()].slice(start, start + block)) {
        const scores = known.get(index) ?? fresh.get(index)!;
        if (!known.has(index)) {
          await memory.add({ key: keys[index]!, task: task.name, item: index, scores: [...scores] });
        }
        scored.push({ item, scores });
        onItem?.(scored.length, scored);
      }
    }
    return { metrics: metricsOf(task.scoring, scored), scored };
  }

  /** What rank 0 remembers, by index. */
  async #known(
    items: readonly Item[],
    keys: readonly string[],
  ): Promise<Map<number, readonly RequestScore[]>> {
    const { memory = noMemory, group = alone } = this.#options;
    const own = items.flatMap(({ requests }, index) => {
      const scores = memory.find(keys[index]!);
      return scores?.length === requests.length ? [sent(index, scores)] : [];
    });
    const [first] = await group.gather(group.rank === 0 ? own : []);
    return new Map(first!.map(received));
  }

  /** The scores that are not known of items [first, first + items.length): every rank scores its share. */
  async #block(
    task: Pick<Task, 'scoring'>,
    items: readonly Item[],
    first: number,
    known: ReadonlyMap<number, unknown>,
  ): Promise<Map<number, readonly RequestScore[]>> {
    const { group = alone, signal } = this.#options;
    const own: SentScores[] = [];
    for (const [place, item] of items.entries()) {
      const index = first + place;
      if (known.has(index) || index % group.size !== group.rank) continue;
      signal?.throwIfAborted();
      own.push(sent(index, await this.item(task, item)));
    }
    signal?.throwIfAborted();
    return new Map((await group.gather(own)).flat().map(received));
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
