/**
 * Scores texts with a recurrent model. A context is read once, and each continuation starts from a copy of the state
 * after it; in a question with four choices, most tokens are the context's.
 *
 * The rows of many contexts, then of many continuations, form a stream that may be cut into programs anywhere, so only
 * the last program has padding. States stay on the engine, in slots.
 */
import { bytesOf } from '../engine/engine.ts';
import { lastHidden, type RecurrentArchitecture } from '../model/architecture.ts';
import { embedding } from '../ops/embedding/embedding.ts';
import { slice } from '../ops/slice/slice.ts';
import { type Program, record } from '../program/record.ts';
import { sizeOf } from '../program/shapes.ts';
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
import { assignStates } from './steps.ts';
import { Turns } from './turns.ts';

type Model = RunnableModel<RecurrentArchitecture>;

/** Rows of consecutive texts: the token read, its slot and the token to predict. */
interface Rows {
  readonly ids: number[];
  readonly slots: number[];
  readonly labels: number[];
}

interface ForkedStep {
  readonly program: Program;
  /** [slots + 2] i32: for each slot, the slot whose state it starts from. */
  readonly origins: Tensor;
  /** [1, rows] i32. */
  readonly ids: Tensor;
  /** [rows] i32. */
  readonly slots: Tensor;
  /** [rows] i32. */
  readonly labels: Tensor;
  /** [some rows, 3] each; empty if the program only reads. */
  readonly scores: readonly Tensor[];
}

/** Some continuations of one question, and the list that receives their scores. */
interface Piece extends Question {
  readonly scores: TokenScore[][];
}

export interface ForkedSizes {
  /** Continuations that are scored at the same time. */
  readonly slots: number;
  /** Rows of a program. */
  readonly maxRows: number;
}

export class ForkedScorer implements Scorer {
  readonly tokensAtOnce: number;
  readonly #model: Model;
  readonly #slots: number;
  readonly #maxRows: number;
  /** [slots + 2, …] per layer: the slots, one for padding rows, one for the state before the first token. */
  readonly #states: readonly Tensor[];
  readonly #steps: LoadedPrograms<ForkedStep>;
  /** One call uses the slots at a time. */
  readonly #calls = new Turns();

  /** @param sizes default: by the engine's longest step */
  constructor(model: Model, { slots, maxRows }: Partial<ForkedSizes> = {}) {
    const { longestStep } = model.engine;
    this.#model = model;
    this.#maxRows = bucketOf(maxRows ?? longestStep);
    this.#slots = slots ?? Math.max(1, longestStep / 4);
    this.#states = model.architecture.states(this.#slots + 2);
    this.#steps = new LoadedPrograms(model.engine);
    this.tokensAtOnce = tokensAtOnce(model.engine);
  }

  score(questions: readonly Question[], signal?: AbortSignal): Promise<TokenScore[][][]> {
    return this.#calls.take(async () => {
      checkQuestions(questions, this.#model.vocabulary);
      const scores: TokenScore[][][] = questions.map(() => []);
      const pieces = questions.flatMap((question, k) => [...this.#pieces(question, scores[k]!)]);
      for (const batch of this.#batches(pieces)) await this.#scoreBatch(batch, signal);
      return scores;
    });
  }

  /** Splits a question that has more continuations than slots. */
  *#pieces({ context, continuations }: Question, scores: TokenScore[][]): Generator<Piece> {
    for (let start = 0; start < continuations.length; start += this.#slots) {
      yield { context, continuations: continuations.slice(start, start + this.#slots), scores };
    }
  }

  /** Groups pieces, in order, so that the continuations of each group fit the slots. */
  *#batches(pieces: readonly Piece[]): Generator<Piece[]> {
    let batch: Piece[] = [];
    let taken = 0;
    for (const piece of pieces) {
      const more = piece.continuations.length;
      if (taken + more > this.#slots) {
        yield batch;
        [batch, taken] = [[], 0];
      }
      batch.push(piece);
      taken += more;
    }
    if (taken > 0) yield batch;
  }

  async #scoreBatch(pieces: readonly Piece[], signal: AbortSignal | undefined): Promise<void> {
    // The last token of a context is read with each continuation, because it predicts its first token.
    const contexts = emptyRows();
    for (const [slot, { context }] of pieces.entries()) addRows(contexts, slot, context);
    await this.#run(contexts, this.#allFrom(this.#beginning), false, signal);

    const continuations = emptyRows();
    const origins: number[] = [];
    for (const [from, piece] of pieces.entries()) {
      const last = piece.context.at(-1)!;
      for (const ids of piece.continuations) {
        addRows(continuations, origins.length, [last, ...ids]);
        origins.push(piece.context.length > 1 ? from : this.#beginning);
      }
    }
    const found = await this.#run(continuations, this.#allFrom(this.#beginning, origins), true, signal);
    let row = 0;
    for (const { continuations: ofPiece, scores } of pieces) {
      for (const { length } of ofPiece) {
        scores.push(scoresAt(found, row, length));
        row += length;
      }
    }
  }

  /** The slot that is never written: the state before the first token. */
  get #beginning(): number {
    return this.#slots + 1;
  }

  /** Origins of all slots: the given ones, and `other` for the rest. */
  #allFrom(other: number, given: readonly number[] = []): Int32Array {
    const origins = new Int32Array(this.#slots + 2).fill(other);
    origins.set(given);
    return origins;
  }

  /** Reads rows; each slot starts from the state of its origin. Returns three numbers per scored row. */
  async #run(
    rows: Rows,
    origins: Int32Array,
    scored: boolean,
    signal: AbortSignal | undefined,
  ): Promise<Float32Array> {
    const { engine, turns } = this.#model;
    const { length } = rows.ids;
    const parts: Float32Array[] = [];
    for (let start = 0; start < length; start += this.#maxRows) {
      signal?.throwIfAborted();
      const count = Math.min(this.#maxRows, length - start);
      await turns.take(async () => {
        const length = bucketOf(count);
        const step = this.#steps.get(`${length} ${scored}`, () =>
          recordForkedStep(this.#model, this.#states, length, scored),
        );
        const write = (tensor: Tensor, values: readonly number[], filler: number) => {
          const words = new Int32Array(tensor.size).fill(filler);
          words.set(values.slice(start, start + count));
          engine.write(tensor, bytesOf(words));
        };
        engine.write(step.origins, bytesOf(start === 0 ? origins : origins.map((_, slot) => slot)));
        write(step.ids, rows.ids, 0);
        write(step.slots, rows.slots, this.#slots);
        if (scored) write(step.labels, rows.labels, 0);
        const { reads, found } = readsOf(step.scores);
        await step.executable.run(reads);
        parts.push(found);
      });
    }
    return joined(parts);
  }
}

/** The program that reads rows [1, rows] of several texts; each slot of `states` starts from the state of its origin. */
export function recordForkedStep(
  model: RecordedModel<RecurrentArchitecture>,
  states: readonly Tensor[],
  rows: number,
  scored: boolean,
): ForkedStep {
  const { architecture, weights } = model;
  const origins = input('origins', [slotCount(states)], 'i32');
  const ids = input('ids', [1, rows], 'i32');
  const slots = input('slots', [rows], 'i32');
  const labels = input('labels', [1, rows], 'i32');
  let scores: readonly Tensor[] = [];
  const program = record(`${rows} tokens of several texts${scored ? ', scored' : ''}`, () => {
    const starts = states.map((state) => rowsOf(state, origins));
    const forward = architecture.forward(weights, ids, { kind: 'slots', slots, states: starts });
    assignStates(states, forward.states);
    if (scored) scores = recordScores(model, lastHidden(forward), labels);
  });
  return { program, origins, ids, slots, labels, scores };
}

/** The states of the slots `origins`, in the shape of `state`. */
function rowsOf(state: Tensor, origins: Tensor): Tensor {
  // Rows of a table: here the table is the states.
  const rows = embedding(origins, state);
  return rows.shape.length === state.shape.length ? rows : slice(rows, 0, state.shape);
}

function slotCount([first]: readonly Tensor[]): number {
  return first ? sizeOf(first, 0) : 0;
}

function emptyRows(): Rows {
  return { ids: [], slots: [], labels: [] };
}

/** Adds a row for each token but the last; each predicts the next token. */
function addRows(rows: Rows, slot: number, tokens: readonly number[]): void {
  for (let k = 0; k + 1 < tokens.length; k++) {
    rows.ids.push(tokens[k]!);
    rows.slots.push(slot);
    rows.labels.push(tokens[k + 1]!);
  }
}

/** Concatenates the parts. Only the last one may contain padding rows, at its end. */
function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let start = 0;
  for (const part of parts) {
    whole.set(part, start);
    start += part.length;
  }
  return whole;
}
