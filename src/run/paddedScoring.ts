/**
 * Scoring with a model whose sequences cannot go on from states side by side in one program: one that attends to all
 * earlier tokens, or whose recurrence has no slots. Texts of about the same length share a program
 * [batch, length] and are filled up at their ends, which nothing before them sees. Only rows that foretell a token of
 * a continuation go through the head. A context is read with each of its continuations: keys and values of a program
 * belong to one sequence each, and contexts of the usual tasks are short.
 */
import { bytesOf, type Executable } from '../engine/engine.ts';
import { InputError } from '../errors.ts';
import { embedding } from '../ops/embedding/embedding.ts';
import { type Program, record } from '../program/record.ts';
import { input, type Tensor } from '../program/tensor.ts';
import { bucketOf } from './batchedInference.ts';
import {
  checkQuestions,
  type Question,
  type RecordedModel,
  readsOf,
  recordScores,
  type ScoredModel,
  type Scorer,
  scoresAt,
  type TokenScore,
  tokensAtOnce,
} from './scoring.ts';

/** A context with one continuation. */
interface Text {
  /** All but the last token, which is only foretold. */
  readonly seen: readonly number[];
  /** The continuation: what the last rows foretell. */
  readonly labels: readonly number[];
  readonly put: (scores: TokenScore[]) => void;
}

interface Step {
  readonly executable: Executable;
  /** [batch, length] i32. */
  readonly ids: Tensor;
  /** Rows of batch · length that are scored, [rows] i32. */
  readonly wanted: Tensor;
  /** [rows] i32. */
  readonly labels: Tensor;
  /** [some rows, 3] each. */
  readonly scores: readonly Tensor[];
}

export class PaddedScoring implements Scorer {
  readonly tokensAtOnce: number;
  readonly #model: ScoredModel;
  /** Tokens of the longest text that the model attends to. */
  readonly #longest: number;
  readonly #mostRows: number;
  readonly #steps = new Map<string, Step>();

  /**
   * @param mostRows of a program, unless a single text is longer; default: what suits the engine
   */
  constructor(model: ScoredModel, mostRows = model.engine.longestStep) {
    this.#model = model;
    this.#longest = model.architecture.cached?.longest ?? Number.POSITIVE_INFINITY;
    this.#mostRows = mostRows;
    this.tokensAtOnce = tokensAtOnce(model.engine);
  }

  async score(questions: readonly Question[], signal?: AbortSignal): Promise<TokenScore[][][]> {
    checkQuestions(questions, this.#model.vocabulary);
    const scores = questions.map(({ continuations }) => continuations.map((): TokenScore[] => []));
    const texts = questions.flatMap(({ context, continuations }, k) =>
      continuations.map((ids, n) => this.#text(context, ids, scores[k]!, n)),
    );
    for (const batch of this.#batches(texts.filter(({ labels }) => labels.length > 0))) {
      signal?.throwIfAborted();
      await this.#model.turns.take(() => this.#scoreBatch(batch));
    }
    return scores;
  }

  #text(context: readonly number[], ids: readonly number[], scores: TokenScore[][], index: number): Text {
    const seen = [...context, ...ids.slice(0, -1)];
    if (seen.length > this.#longest) {
      throw new InputError(
        `found a text of ${seen.length} tokens, expected at most ${this.#longest}, the longest that this model ` +
          'attends to (max_position_embeddings)',
      );
    }
    const put = (found: TokenScore[]) => {
      scores[index] = found;
    };
    return { seen, labels: ids, put };
  }

  /** The longest first, so that neighbours need little filling up. */
  *#batches(texts: readonly Text[]): Generator<Text[]> {
    const sorted = texts.toSorted((a, b) => b.seen.length - a.seen.length);
    for (let start = 0; start < sorted.length; ) {
      const count = Math.max(1, Math.floor(this.#mostRows / this.#padded(sorted[start]!)));
      yield sorted.slice(start, start + count);
      start += count;
    }
  }

  #padded({ seen }: Text): number {
    return Math.min(bucketOf(seen.length), this.#longest);
  }

  async #scoreBatch(texts: readonly Text[]): Promise<void> {
    const { engine } = this.#model;
    const length = this.#padded(texts[0]!);
    const count = texts.reduce((sum, { labels }) => sum + labels.length, 0);
    const step = this.#step(bucketOf(texts.length), length, bucketOf(count));
    const [ids, wanted, labels] = [step.ids, step.wanted, step.labels].map(
      ({ size }) => new Int32Array(size),
    );
    let row = 0;
    for (const [place, text] of texts.entries()) {
      ids!.set(text.seen, place * length);
      labels!.set(text.labels, row);
      const first = place * length + text.seen.length - text.labels.length;
      for (let k = 0; k < text.labels.length; k++) wanted![row++] = first + k;
    }
    engine.write(step.ids, bytesOf(ids!));
    engine.write(step.wanted, bytesOf(wanted!));
    engine.write(step.labels, bytesOf(labels!));
    const { reads, found } = readsOf(step.scores);
    await step.executable.run(reads);
    row = 0;
    for (const text of texts) {
      text.put(scoresAt(found, row, text.labels.length));
      row += text.labels.length;
    }
  }

  #step(batch: number, length: number, rows: number): Step {
    const key = `${batch} ${length} ${rows}`;
    const known = this.#steps.get(key);
    if (known) return known;
    const recorded = recordPaddedStep(this.#model, batch, length, rows);
    const step = { executable: this.#model.engine.load(recorded.program), ...recorded };
    this.#steps.set(key, step);
    return step;
  }
}

/** The program that reads texts [batch, length] from their beginnings, and scores some `rows` of batch · length. */
export function recordPaddedStep(
  model: RecordedModel,
  batch: number,
  length: number,
  rows: number,
): Omit<Step, 'executable'> & { readonly program: Program } {
  const { architecture, weights } = model;
  const ids = input('ids', [batch, length], 'i32');
  const wanted = input('wanted rows', [rows], 'i32');
  const labels = input('labels', [rows], 'i32');
  let scores: readonly Tensor[] = [];
  const program = record(`${batch} texts of ${length} tokens, ${rows} of them scored`, () => {
    const { hidden } = architecture.forward(weights, ids);
    // Rows of a table: here the table is the hidden states.
    scores = recordScores(model, embedding(wanted, hidden.at(-1)!), labels);
  });
  return { program, ids, wanted, labels, scores };
}
