/**
 * Scoring with a model whose memory is a recurrent state. A context is read once, and each of its continuations goes
 * on from a copy of the state that it led to: of a question with four choices, the context is most of the tokens.
 *
 * The rows of many contexts, and then those of many continuations, form a stream that is cut into programs anywhere:
 * no row is padding but some of the last program's. States stay on the engine, in slots.
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

/** Rows of texts, one after the other: what is read, in which slot, and what the row is to predict. */
interface Rows {
  readonly ids: number[];
  readonly slots: number[];
  readonly labels: number[];
}

interface ForkedStep {
  readonly program: Program;
  /** [slots + 2] i32: the slot whose state each slot begins with. */
  readonly origins: Tensor;
  /** [1, rows] i32. */
  readonly ids: Tensor;
  /** [rows] i32. */
  readonly slots: Tensor;
  /** [rows] i32. */
  readonly labels: Tensor;
  /** [some rows, 3] each; none of a program that only reads. */
  readonly scores: readonly Tensor[];
}

/** Some continuations of one question, and where the scores of all of them go. */
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
  /** [slots + 2, …] of each layer: after the slots one for rows that fill up, and one before the first token. */
  readonly #states: readonly Tensor[];
  readonly #steps: LoadedPrograms<ForkedStep>;
  /** The slots are one call's at a time. */
  readonly #calls = new Turns();

  /** @param sizes default: what suits the engine */
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

  /** Of a question with more continuations than slots, several. */
  *#pieces({ context, continuations }: Question, scores: TokenScore[][]): Generator<Piece> {
    for (let start = 0; start < continuations.length; start += this.#slots) {
      yield { context, continuations: continuations.slice(start, start + this.#slots), scores };
    }
  }

  /** In order, as many as there are slots for. */
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
    // The last token of a context is read with each continuation, which it predicts the first token of.
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

  /** The slot that nothing is ever read in. */
  get #beginning(): number {
    return this.#slots + 1;
  }

  /** Origins of all slots: the given ones, and `other` for the rest. */
  #allFrom(other: number, given: readonly number[] = []): Int32Array {
    const origins = new Int32Array(this.#slots + 2).fill(other);
    origins.set(given);
    return origins;
  }

  /** Reads rows, the slots going on from where `origins` says. Returns three numbers for each row if it is scored. */
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

/** The program that reads rows [1, rows] of several texts, each slot of `states` going on from that of its origin. */
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

/** All tokens but the last, each of which predicts the next. */
function addRows(rows: Rows, slot: number, tokens: readonly number[]): void {
  for (let k = 0; k + 1 < tokens.length; k++) {
    rows.ids.push(tokens[k]!);
    rows.slots.push(slot);
    rows.labels.push(tokens[k + 1]!);
  }
}

/** Only the last part may have numbers of filler rows, which so stand at the end. */
function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let start = 0;
  for (const part of parts) {
    whole.set(part, start);
    start += part.length;
  }
  return whole;
}
