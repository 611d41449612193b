/**
 * Many sequences in one program. Each step is a list of rows, tokens of whichever sequences have some to read: one
 * token of each that generates, a chunk of a prompt of each that joins. Weights are read once a step for all of
 * them. States stay on the engine, in slots; token ids go in and the wanted logits come out.
 *
 * What a sequence computes does not depend on its neighbours, on its slot or on how its tokens are cut into steps:
 * every op but the recurrence works on rows by themselves, and the recurrence takes each slot's rows in order.
 */
import { bytesOf, type Engine, type Executable, readFloats } from '../engine/engine.ts';
import { InputError } from '../errors.ts';
import type { Architecture } from '../model/architecture.ts';
import type { Weights } from '../model/weights.ts';
import { embedding } from '../ops/embedding/embedding.ts';
import { assign, output, type Program, record } from '../program/record.ts';
import { widthOf } from '../program/shapes.ts';
import { input, type Tensor } from '../program/tensor.ts';
import { checkTokens, type SequenceState, type WantedLogits } from './inference.ts';
import { Turns } from './turns.ts';

/** Tokens of one sequence, read from the state in its slot; the slot then holds the state after them. */
export interface SlotTokens {
  readonly slot: number;
  /** At least one. */
  readonly tokens: readonly number[];
  readonly wanted: WantedLogits;
}

/**
 * A model that keeps the states of several sequences and advances them step by step. What a state consists of is
 * its own business. Calls wait for one another.
 */
export interface SlotModel {
  /** Slots are numbered from 0 to one less. */
  readonly slots: number;
  /** Tokens that one step takes at most, over all sequences. */
  readonly mostTokens: number;
  /** Whether a step reads the weights once for all; if not, sequences advance one after the other. */
  readonly batched: boolean;
  /**
   * Reads tokens of different slots. Logits come in the order of the parts: [tokens, vocabulary], [vocabulary] or
   * nothing, valid until the next step.
   * @throws InputError for an id outside the vocabulary, or tokens beyond `mostTokens`
   */
  step(parts: readonly SlotTokens[]): Promise<Float32Array[]>;
  /** Puts a state into a slot; without one, that before the first token. */
  load(slot: number, state?: SequenceState): Promise<void>;
  /** A copy of the state in a slot. */
  save(slot: number): Promise<SequenceState>;
}

interface Step {
  readonly executable: Executable;
  readonly ids: Tensor;
  readonly slots: Tensor;
  readonly wanted: Tensor;
  readonly logits: Tensor | undefined;
}

export interface BatchSizes {
  /** Sequences that are kept at the same time. */
  readonly slots: number;
  /** Tokens that one step takes at most; at least as many as slots, so that all can advance. */
  readonly mostTokens: number;
}

export function canBatch(architecture: Architecture): boolean {
  return architecture.forwardSlots !== undefined;
}

export class BatchedInference implements SlotModel {
  readonly slots: number;
  readonly mostTokens: number;
  readonly batched = true;
  readonly #engine: Engine;
  readonly #architecture: Architecture;
  readonly #weights: Weights;
  readonly #vocabulary: number;
  /** [slots + 1, …] of each layer; the last slot takes the rows that fill up a program. */
  readonly #states: readonly Tensor[];
  readonly #steps = new Map<string, Step>();
  #reader: StateReader | undefined;
  #logits = new Float32Array();
  readonly #turns = new Turns();

  /** @throws Error if the architecture cannot be batched: see `canBatch` */
  constructor(
    engine: Engine,
    architecture: Architecture,
    weights: Weights,
    vocabulary: number,
    { slots, mostTokens }: BatchSizes,
  ) {
    if (!canBatch(architecture))
      throw new Error('this kind of model cannot be batched: its sequences advance one by one');
    if (!(slots >= 1 && mostTokens >= slots))
      throw new RangeError(
        `found ${slots} slots and ${mostTokens} tokens a step, expected 1 ≤ slots ≤ tokens`,
      );
    this.slots = slots;
    this.mostTokens = bucketOf(mostTokens);
    this.#engine = engine;
    this.#architecture = architecture;
    this.#weights = weights;
    this.#vocabulary = vocabulary;
    this.#states = architecture.states(slots + 1);
    for (const tensor of this.#states) engine.allocate(tensor);
  }

  step(parts: readonly SlotTokens[]): Promise<Float32Array[]> {
    return this.#turns.take(async () => {
      const rows = this.#check(parts);
      const wantedRows = listWanted(parts);
      const { executable, ids, slots, wanted, logits } = this.#step(
        bucketOf(rows),
        wantedRows.length === 0 ? 0 : bucketOf(wantedRows.length),
      );
      const idWords = new Int32Array(ids.size);
      const slotWords = new Int32Array(slots.size).fill(this.slots);
      let row = 0;
      for (const { slot, tokens } of parts) {
        idWords.set(tokens, row);
        slotWords.fill(slot, row, row + tokens.length);
        row += tokens.length;
      }
      this.#engine.write(ids, bytesOf(idWords));
      this.#engine.write(slots, bytesOf(slotWords));
      if (logits) {
        const wantedWords = new Int32Array(wanted.size);
        wantedWords.set(wantedRows);
        this.#engine.write(wanted, bytesOf(wantedWords));
      }
      await executable.run();
      if (logits) await readFloats(this.#engine, logits, this.#room(logits.size));
      return this.#share(parts);
    });
  }

  load(slot: number, state?: SequenceState): Promise<void> {
    return this.#turns.take(async () => {
      this.#checkSlot(slot);
      const size = this.#states.reduce((sum, tensor) => sum + widthOf(tensor), 0);
      const source = state ?? new Float32Array(size);
      if (source.length !== size)
        throw new InputError(`state: found ${source.length} numbers, expected ${size}`);
      let offset = 0;
      for (const tensor of this.#states) {
        const width = widthOf(tensor);
        this.#engine.write(tensor, bytesOf(source.subarray(offset, offset + width)), 4 * slot * width);
        offset += width;
      }
    });
  }

  save(slot: number): Promise<SequenceState> {
    return this.#turns.take(async () => {
      this.#checkSlot(slot);
      this.#reader ??= new StateReader(this.#engine, this.#states);
      return this.#reader.read(slot);
    });
  }

  #checkSlot(slot: number): void {
    if (Number.isInteger(slot) && slot >= 0 && slot < this.slots) return;
    throw new RangeError(`slot: found ${slot}, expected an integer from 0 to ${this.slots - 1}`);
  }

  /** The number of tokens. */
  #check(parts: readonly SlotTokens[]): number {
    let rows = 0;
    const seen = new Set<number>();
    for (const { slot, tokens } of parts) {
      this.#checkSlot(slot);
      if (seen.has(slot)) throw new Error(`slot ${slot} stands twice in one step`);
      seen.add(slot);
      if (tokens.length === 0) throw new InputError('found no token, expected at least one');
      checkTokens(tokens, this.#vocabulary);
      rows += tokens.length;
    }
    if (rows === 0 || rows > this.mostTokens)
      throw new InputError(`step: found ${rows} tokens, expected 1 to ${this.mostTokens}`);
    return rows;
  }

  #step(rows: number, wanted: number): Step {
    const key = `${rows} ${wanted}`;
    const known = this.#steps.get(key);
    if (known) return known;
    const { program, ...tensors } = this.#record(rows, wanted);
    const step = { executable: this.#engine.load(program), ...tensors };
    this.#steps.set(key, step);
    return step;
  }

  #record(rows: number, count: number): Omit<Step, 'executable'> & { readonly program: Program } {
    const ids = input('ids', [1, rows], 'i32');
    const slots = input('slots', [rows], 'i32');
    const wanted = input('wanted rows', [count], 'i32');
    let logits: Tensor | undefined;
    const program = record(`${rows} tokens of several sequences, ${count} rows of logits`, () => {
      const { hidden, states } = this.#architecture.forwardSlots!(this.#weights, ids, slots, this.#states);
      states.forEach((state, index) => {
        assign(this.#states[index]!, state);
      });
      // Rows of a table: here the table is the hidden states.
      if (count > 0)
        logits = output(this.#architecture.head(this.#weights, embedding(wanted, hidden.at(-1)!)));
    });
    return { program, ids, slots, wanted, logits };
  }

  /** Memory for logits, kept from step to step. */
  #room(size: number): Float32Array {
    if (this.#logits.length < size) this.#logits = new Float32Array(size);
    return this.#logits.subarray(0, size);
  }

  #share(parts: readonly SlotTokens[]): Float32Array[] {
    let start = 0;
    return parts.map((part) => {
      const end = start + wantedCount(part) * this.#vocabulary;
      const rows = this.#logits.subarray(start, end);
      start = end;
      return rows;
    });
  }
}

/** Reads one slot of every layer: directly where the host sees the engine's memory, else by a program. */
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
      if (this.#gather) await readFloats(this.#engine, this.#rows[layer]!, target);
      else bytesOf(target).set(this.#engine.view!(tensor).subarray(4 * slot * width, 4 * (slot + 1) * width));
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

/** Programs have 1, 2, 3, 4, 6, 8, 12, 16, … rows: few programs, and at most a third of the rows fill up. */
export function bucketOf(rows: number): number {
  const power = 2 ** Math.ceil(Math.log2(rows));
  return rows <= (power / 4) * 3 && power >= 4 ? (power / 4) * 3 : power;
}
