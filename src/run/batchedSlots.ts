/**
 * Advances many sequences in one program. Each step is a list of rows: one token of each sequence that decodes, and a
 * chunk of the prompt of each sequence in prefill. A step reads the weights once for all rows. States stay on the
 * engine, in slots; token ids go in and the wanted logits come out.
 *
 * The results of a sequence do not depend on its neighbours, its slot or the cuts between its steps. Every op works on
 * single rows, except the recurrence, which takes the rows of each slot in order.
 */
import { bytesOf, type Engine, type Executable, readFloats } from '../engine/engine.ts';
import { InputError } from '../errors.ts';
import { lastHidden, type RecurrentArchitecture } from '../model/architecture.ts';
import { embedding } from '../ops/embedding/embedding.ts';
import { output, type Program, record } from '../program/record.ts';
import { widthOf } from '../program/shapes.ts';
import { input, type Tensor } from '../program/tensor.ts';
import { LoadedPrograms } from './loadedPrograms.ts';
import type { RecordedModel, RunnableModel } from './model.ts';
import type { SequenceState } from './sequenceReader.ts';
import { type BatchSizes, bucketOf, type SlotModel, type SlotTokens } from './slotModel.ts';
import { assignStates, checkTokens } from './steps.ts';

type Model = RunnableModel<RecurrentArchitecture>;

export class BatchedSlots implements SlotModel {
  readonly slots: number;
  readonly maxTokens: number;
  readonly batched = true;
  readonly #model: Model;
  /** [slots + 1, …] of each layer; the last slot takes the padding rows of a program. */
  readonly #states: readonly Tensor[];
  readonly #steps: LoadedPrograms<BatchedStep>;
  #reader: StateReader | undefined;
  #logits = new Float32Array();

  constructor(model: Model, { slots, maxTokens }: BatchSizes) {
    if (!(slots >= 1 && maxTokens >= slots))
      throw new RangeError(
        `found ${slots} slots and ${maxTokens} tokens a step, expected 1 ≤ slots ≤ tokens`,
      );
    this.slots = slots;
    this.maxTokens = bucketOf(maxTokens);
    this.#model = model;
    this.#states = model.architecture.states(slots + 1);
    for (const tensor of this.#states) model.engine.allocate(tensor);
    this.#steps = new LoadedPrograms(model.engine);
  }

  step(parts: readonly SlotTokens[]): Promise<Float32Array[]> {
    return this.#model.turns.take(async () => {
      const rows = this.#check(parts);
      const wantedRows = listWanted(parts);
      const [length, count] = [bucketOf(rows), wantedRows.length === 0 ? 0 : bucketOf(wantedRows.length)];
      const { executable, ids, slots, wanted, logits } = this.#steps.get(`${length} ${count}`, () =>
        recordBatchedStep(this.#model, this.#states, length, count),
      );
      const idWords = new Int32Array(ids.size);
      const slotWords = new Int32Array(slots.size).fill(this.slots);
      let row = 0;
      for (const { slot, tokens } of parts) {
        idWords.set(tokens, row);
        slotWords.fill(slot, row, row + tokens.length);
        row += tokens.length;
      }
      this.#model.engine.write(ids, bytesOf(idWords));
      this.#model.engine.write(slots, bytesOf(slotWords));
      if (logits) {
        const wantedWords = new Int32Array(wanted.size);
        wantedWords.set(wantedRows);
        this.#model.engine.write(wanted, bytesOf(wantedWords));
      }
      await executable.run();
      if (logits) await readFloats(this.#model.engine, logits, this.#room(logits.size));
      return this.#share(parts);
    });
  }

  load(slot: number, state?: SequenceState): Promise<void> {
    return this.#model.turns.take(async () => {
      this.#checkSlot(slot);
      const size = this.#states.reduce((sum, tensor) => sum + widthOf(tensor), 0);
      const source = state ?? new Float32Array(size);
      if (source.length !== size)
        throw new InputError(`state: found ${source.length} numbers, expected ${size}`);
      let offset = 0;
      for (const tensor of this.#states) {
        const width = widthOf(tensor);
        this.#model.engine.write(tensor, bytesOf(source.subarray(offset, offset + width)), 4 * slot * width);
        offset += width;
      }
    });
  }

  save(slot: number): Promise<SequenceState> {
    return this.#model.turns.take(async () => {
      this.#checkSlot(slot);
      this.#reader ??= new StateReader(this.#model.engine, this.#states);
      return this.#reader.read(slot);
    });
  }

  #checkSlot(slot: number): void {
    if (Number.isInteger(slot) && slot >= 0 && slot < this.slots) return;
    throw new RangeError(`slot: found ${slot}, expected an integer from 0 to ${this.slots - 1}`);
  }

  /** Returns the number of tokens. */
  #check(parts: readonly SlotTokens[]): number {
    let rows = 0;
    const seen = new Set<number>();
    for (const { slot, tokens } of parts) {
      this.#checkSlot(slot);
      if (seen.has(slot)) throw new Error(`slot ${slot} occurs twice in one step`);
      seen.add(slot);
      if (tokens.length === 0) throw new InputError('found no token, expected at least one');
      checkTokens(tokens, this.#model.vocabulary);
      rows += tokens.length;
    }
    if (rows === 0 || rows > this.maxTokens)
      throw new InputError(`step: found ${rows} tokens, expected 1 to ${this.maxTokens}`);
    return rows;
  }

  /** Memory for logits, reused by all steps. */
  #room(size: number): Float32Array {
    if (this.#logits.length < size) this.#logits = new Float32Array(size);
    return this.#logits.subarray(0, size);
  }

  #share(parts: readonly SlotTokens[]): Float32Array[] {
    let start = 0;
    return parts.map((part) => {
      const end = start + wantedCount(part) * this.#model.vocabulary;
      const rows = this.#logits.subarray(start, end);
      start = end;
      return rows;
    });
  }
}

interface BatchedStep {
  readonly program: Program;
  /** [1, rows] i32 */
  readonly ids: Tensor;
  /** [rows] i32 */
  readonly slots: Tensor;
  /** Rows whose logits are computed, [count] i32. */
  readonly wanted: Tensor;
  /** [count, vocabulary] */
  readonly logits: Tensor | undefined;
}

/** The program that reads `rows` tokens of several sequences and computes the logits of `count` of them. */
function recordBatchedStep(
  { architecture, weights }: RecordedModel<RecurrentArchitecture>,
  states: readonly Tensor[],
  rows: number,
  count: number,
): BatchedStep {
  const ids = input('ids', [1, rows], 'i32');
  const slots = input('slots', [rows], 'i32');
  const wanted = input('wanted rows', [count], 'i32');
  let logits: Tensor | undefined;
  const program = record(`${rows} tokens of several sequences, ${count} rows of logits`, () => {
    const forward = architecture.forward(weights, ids, { kind: 'slots', slots, states });
    assignStates(states, forward.states);
    // Rows of a table: here the table is the hidden states.
    if (count > 0) logits = output(architecture.head(weights, embedding(wanted, lastHidden(forward))));
  });
  return { program, ids, slots, wanted, logits };
}

/** Reads one slot of every layer: directly if the host can access the engine's memory, else by a program. */
class StateReader {
  readonly #engine: Engine;
  readonly #states: readonly Tensor[];
  readonly #slot = input('slot', [1], 'i32');
  readonly #rows: Tensor[] = [];
  readonly #gather: Executable | undefined;

  constructor(engine: Engine, states: readonly Tensor[]) {
    this.#engine = engine;
    this.#states = states;
    if (engine.view) return;
    const program = record('the state in a slot', () => {
      for (const tensor of states) this.#rows.push(output(embedding(this.#slot, tensor)));
    });
    this.#gather = engine.load(program);
  }

  async read(slot: number): Promise<SequenceState> {
    const state = new Float32Array(this.#states.reduce((sum, tensor) => sum + widthOf(tensor), 0));
    if (this.#gather) {
      this.#engine.write(this.#slot, bytesOf(Int32Array.of(slot)));
      await this.#gather.run();
    }
    let offset = 0;
    for (const [layer, tensor] of this.#states.entries()) {
      const width = widthOf(tensor);
      const target = state.subarray(offset, offset + width);
      const [row, memory] = [this.#rows[layer], this.#engine.view?.(tensor)];
      if (row) await readFloats(this.#engine, row, target);
      else if (memory) bytesOf(target).set(memory.subarray(4 * slot * width, 4 * (slot + 1) * width));
      offset += width;
    }
    return state;
  }
}

function wantedCount({ tokens, wanted }: SlotTokens): number {
  return { all: tokens.length, last: 1, none: 0 }[wanted];
}

/** The rows whose logits are wanted. */
function listWanted(parts: readonly SlotTokens[]): number[] {
  const rows: number[] = [];
  let end = 0;
  for (const part of parts) {
    end += part.tokens.length;
    for (let row = end - wantedCount(part); row < end; row++) rows.push(row);
  }
  return rows;
}
