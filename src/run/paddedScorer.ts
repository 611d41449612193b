/**
 * Scores texts with a model that attends. Texts of about the same length share a program [batch, length] and are
 * padded at their ends, which no earlier token sees. Only rows that predict a token of a continuation go through the
 * head. A context is read again with each of its continuations: keys and values of a program belong to one sequence
 * each, and contexts of the usual tasks are short.
 */
import { bytesOf } from '../engine/engine.ts';
import { InputError } from '../errors.ts';
import { type AttentionArchitecture, lastHidden } from '../model/architecture.ts';
import { embedding } from '../ops/embedding/embedding.ts';
import { type Program, record } from '../program/record.ts';
import { input, type Tensor } from '../program/tensor.ts';
import { LoadedPrograms } from './loadedPrograms.ts';
import type { RecordedModel, RunnableModel } from './model.ts';
import {
  checkQuestions,
  type Question,
  readsOf,
  recordScores,
  type Scorer,
  scoresAt,
  type TokenScore,
  tokensAtOnce,
} from './scoring.ts';
import { bucketOf } from './slotModel.ts';

/** A context with one continuation. */
interface Text {
  /** All but the last token, which is only predicted. */
  readonly seen: readonly number[];
  /** The continuation, predicted by the last rows. */
  readonly labels: readonly number[];
  readonly put: (scores: TokenScore[]) => void;
}

interface PaddedStep {
  readonly program: Program;
  /** [batch, length] i32. */
  readonly ids: Tensor;
  /** Rows of batch · length that are scored, [rows] i32. */
  readonly wanted: Tensor;
  /** [rows] i32. */
  readonly labels: Tensor;
  /** [some rows, 3] each. */
  readonly scores: readonly Tensor[];
}

export class PaddedScorer implements Scorer {
  readonly tokensAtOnce: number;
  readonly #model: RunnableModel<AttentionArchitecture>;
  readonly #maxRows: number;
  readonly #steps: LoadedPrograms<PaddedStep>;

  /**
   * @param maxRows max rows of a program, unless a single text is longer; default: the engine's longest step
   */
  constructor(model: RunnableModel<AttentionArchitecture>, maxRows = model.engine.longestStep) {
    this.#model = model;
    this.#steps = new LoadedPrograms(model.engine);
    this.#maxRows = maxRows;
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
    const { contextLength } = this.#model.architecture;
    if (seen.length > contextLength) {
      throw new InputError(
        `found a text of ${seen.length} tokens, expected at most ${contextLength}, the context length of this model ` +
          '(max_position_embeddings)',
      );
    }
    const put = (found: TokenScore[]) => {
      scores[index] = found;
    };
    return { seen, labels: ids, put };
  }

  /** Longest texts first, so that neighbours need little padding. */
  *#batches(texts: readonly Text[]): Generator<Text[]> {
    const sorted = texts.toSorted((a, b) => b.seen.length - a.seen.length);
    for (let start = 0; start < sorted.length; ) {
      const count = Math.max(1, Math.floor(this.#maxRows / this.#padded(sorted[start]!)));
      yield sorted.slice(start, start + count);
      start += count;
    }
  }

  #padded({ seen }: Text): number {
    return Math.min(bucketOf(seen.length), this.#model.architecture.contextLength);
  }

  async #scoreBatch(texts: readonly Text[]): Promise<void> {
    const { engine } = this.#model;
    const length = this.#padded(texts[0]!);
    const count = texts.reduce((sum, { labels }) => sum + labels.length, 0);
    const [batch, rows] = [bucketOf(texts.length), bucketOf(count)];
    const step = this.#steps.get(`${batch} ${length} ${rows}`, () =>
      recordPaddedStep(this.#model, batch, length, rows),
    );
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
}

/** The program that reads texts [batch, length] from their beginning and scores `rows` of the batch · length rows. */
export function recordPaddedStep(
  model: RecordedModel<AttentionArchitecture>,
  batch: number,
  length: number,
  rows: number,
): PaddedStep {
  const { architecture, weights } = model;
  const ids = input('ids', [batch, length], 'i32');
  const wanted = input('wanted rows', [rows], 'i32');
  const labels = input('labels', [rows], 'i32');
  let scores: readonly Tensor[] = [];
  const program = record(`${batch} texts of ${length} tokens, ${rows} of them scored`, () => {
    const hidden = lastHidden(architecture.forward(weights, ids));
    // Rows of a table: here the table is the hidden states.
    scores = recordScores(model, embedding(wanted, hidden), labels);
  });
  return { program, ids, wanted, labels, scores };
}
