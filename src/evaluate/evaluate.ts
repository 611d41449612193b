/** Runs tasks: scores items with a model, many items at a time, and computes metrics. */

import { NumericalError } from '../errors.ts';
import type { LanguageModel } from '../languageModel.ts';
import { alone, type Group } from '../mpi/group.ts';
import type { TokenScore } from '../run/scoring.ts';
import { hashTokenizer } from '../text/shards.ts';
import { metricsOf, type ScoredItem } from './metrics.ts';
import { Questioner } from './questions.ts';
import { noMemory, type ScoreMemory, scoreKey } from './scoresFile.ts';
import type { Item, Metric, RequestScore, Task } from './task.ts';

export interface EvaluateOptions {
  /** Put the BOS token before each text. Default: as the tokenizer does. */
  readonly bos?: boolean | undefined;
  /** Context length in tokens. Default: the model's own. */
  readonly window?: number | undefined;
  readonly memory?: ScoreMemory | undefined;
  /** Ranks that share the items. Each holds the model; only the score memory of rank 0 is used. */
  readonly group?: Group | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called after each item. */
  readonly onItem?: ((done: number, scored: readonly ScoredItem[]) => void) | undefined;
}

export interface TaskResult {
  readonly metrics: readonly Metric[];
  readonly scored: readonly ScoredItem[];
}

/** Typical of English text; block sizes are estimated with it before anything is encoded. */
const charactersPerToken = 4;

/** Scores in a form that survives JSON, which has no infinite numbers. */
type SentScores = readonly [index: number, scores: string];

const sent = (index: number, scores: readonly RequestScore[]): SentScores => [
  index,
  JSON.stringify(scores, (key, value) => (key === 'logLikelihood' ? String(value) : value)),
];

const received = ([index, scores]: SentScores): [number, readonly RequestScore[]] => [
  index,
  JSON.parse(scores, (key, value) => (key === 'logLikelihood' ? Number(value) : value)),
];

/** Scores requests of one model. */
export class Evaluator {
  readonly #model: LanguageModel;
  readonly #questioner: Questioner;
  readonly #options: EvaluateOptions;
  readonly #identity: readonly unknown[];

  /** @throws InputError if the model has no tokenizer, or options do not fit it */
  constructor(model: LanguageModel, options: EvaluateOptions = {}) {
    const { bos, window = model.config.maxPositionEmbeddings } = options;
    this.#model = model;
    this.#questioner = new Questioner(model, { bos, window });
    this.#options = options;
    const tokenizer = hashTokenizer(model.tokenizer!);
    this.#identity = [model.fingerprint, tokenizer, model.engine.split(' ')[0], bos, window];
  }

  /**
   * Scores all items; every rank returns all scores. They equal those of a single rank, since items are independent.
   * @param items at least one
   * @throws InputError naming the row that cannot be scored; the signal's reason if it is aborted
   */
  async task(task: Pick<Task, 'name' | 'version' | 'scoring'>, items: readonly Item[]): Promise<TaskResult> {
    const { memory = noMemory, group = alone, onItem, signal } = this.#options;
    const keys = items.map(({ requests }) =>
      scoreKey([...this.#identity, task.name, task.version], requests),
    );
    const { known, tokensAtOnce } = await this.#begin(items, keys);
    const characters = charactersPerToken * tokensAtOnce * group.size;
    const scored: ScoredItem[] = [];
    for (const block of blocksOf(items, characters, group.size)) {
      const fresh = await this.#block(task, block, scored.length, known);
      for (const item of block) {
        const index = scored.length;
        const scores = known.get(index) ?? fresh.get(index)!;
        if (!known.has(index)) {
          await memory.add({ key: keys[index]!, task: task.name, item: index, scores: [...scores] });
        }
        scored.push({ item, scores });
        onItem?.(scored.length, scored);
      }
      signal?.throwIfAborted();
    }
    return { metrics: metricsOf(task.scoring, scored), scored };
  }

  /** Shares what all ranks must agree on, taken from rank 0: remembered scores by index, and tokens scored at once. */
  async #begin(items: readonly Item[], keys: readonly string[]) {
    const { memory = noMemory, group = alone } = this.#options;
    const own = items.flatMap(({ requests }, index) => {
      const scores = memory.find(keys[index]!);
      return scores?.length === requests.length ? [sent(index, scores)] : [];
    });
    const { tokensAtOnce } = this.#model;
    const [first] = await group.gather({ known: group.rank === 0 ? own : [], tokensAtOnce });
    return { known: new Map(first!.known.map(received)), tokensAtOnce: first!.tokensAtOnce };
  }

  /** Scores the unknown ones of items [first, first + items.length), shared among ranks. */
  async #block(
    task: Pick<Task, 'scoring'>,
    items: readonly Item[],
    first: number,
    known: ReadonlyMap<number, unknown>,
  ): Promise<Map<number, readonly RequestScore[]>> {
    const { group = alone, signal } = this.#options;
    const own = [...items.keys()].filter((place) => {
      const index = first + place;
      return !known.has(index) && index % group.size === group.rank;
    });
    signal?.throwIfAborted();
    const scores = await this.#score(
      task,
      own.map((place) => items[place]!),
    );
    signal?.throwIfAborted();
    const all = await group.gather(own.map((place, k) => sent(first + place, scores[k]!)));
    return new Map(all.flat().map(received));
  }

  /** Scores all requests of all items in one call of the model. */
  async #score(
    task: Pick<Task, 'scoring'>,
    items: readonly Item[],
  ): Promise<readonly (readonly RequestScore[])[]> {
    const asked = items.map((item) => this.#questioner.item(task, item));
    const { signal } = this.#options;
    const answers = await this.#model.score(
      asked.flatMap(({ questions }) => questions),
      { signal },
    );
    checkScores(answers.flat(2));
    let start = 0;
    return asked.map(({ questions, scoresBy }) => {
      const end = start + questions.length;
      const scores = scoresBy(answers.slice(start, end));
      start = end;
      return scores;
    });
  }

  /** Scores the requests of one item. */
  async item(task: Pick<Task, 'scoring'>, item: Item): Promise<readonly RequestScore[]> {
    const [scores] = await this.#score(task, [item]);
    return scores!;
  }

  /** Scores each token of a text, in windows if the text exceeds the context length. */
  async text(text: string): Promise<(TokenScore & { readonly id: number })[]> {
    const { signal } = this.#options;
    const questions = this.#questioner.text(text);
    const ids = questions.flatMap(({ continuations }) => continuations.flat());
    const scores = (await this.#model.score(questions, { signal })).flat(2);
    checkScores(scores);
    return scores.map((score, k) => ({ id: ids[k]!, ...score }));
  }
}

/**
 * Yields blocks of items to score at once: small enough that Ctrl-C and waiting for other ranks cost little, large
 * enough to fill programs, and at least `minItems` each, except the last.
 */
function* blocksOf(items: readonly Item[], characters: number, minItems: number): Generator<readonly Item[]> {
  let [start, size] = [0, 0];
  for (const [index, item] of items.entries()) {
    const count = index - start;
    const more = charactersOf(item);
    if (count >= minItems && size + more > characters) {
      yield items.slice(start, index);
      [start, size] = [index, 0];
    }
    size += more;
  }
  if (start < items.length) yield items.slice(start);
}

/** Characters that the model reads for an item: a context repeated in consecutive requests counts once. */
function charactersOf({ requests }: Item): number {
  return requests.reduce((sum, { context, continuation }, k) => {
    const read = k > 0 && requests[k - 1]!.context === context ? 0 : context.length;
    return sum + read + continuation.length;
  }, 0);
}

/** @throws NumericalError if a log-probability is NaN */
export function checkScores(scores: readonly TokenScore[]): void {
  if (!scores.some(({ logProbability }) => Number.isNaN(logProbability))) return;
  throw new NumericalError("model: log-probabilities contain NaN; the model's weights may be damaged");
}
