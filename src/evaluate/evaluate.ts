/** Running tasks: a model, items, scores, figures. The model is asked about many items at once. */

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

/** Of English text, about; blocks are measured by it, before anything is encoded. */
const charactersPerToken = 4;

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
   * Every rank returns the scores of all items; they are those of one rank, since each item is scored by itself.
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

  /** What all ranks must agree on is rank 0's: the scores that it remembers, by index, and what is scored at once. */
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

  /** The scores that are not known of items [first, first + items.length): every rank scores its share. */
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

  /** The score of each request of each item; all are asked of the model at once. */
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

  /** The score of each request of an item. */
  async item(task: Pick<Task, 'scoring'>, item: Item): Promise<readonly RequestScore[]> {
    const [scores] = await this.#score(task, [item]);
    return scores!;
  }

  /** The score of each token of a text, in windows if it is longer than the model sees at once. */
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
 * Runs of items that are scored at once: few enough that Ctrl-C and a rank that waits for others cost little, enough to
 * fill programs, and at least one for each rank.
 */
function* blocksOf(items: readonly Item[], characters: number, least: number): Generator<readonly Item[]> {
  let [start, size] = [0, 0];
  for (const [index, item] of items.entries()) {
    const count = index - start;
    const more = charactersOf(item);
    if (count >= least && size + more > characters) {
      yield items.slice(start, index);
      [start, size] = [index, 0];
    }
    size += more;
  }
  if (start < items.length) yield items.slice(start);
}

/** What is read of an item: contexts that follow each other unchanged count once. */
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
