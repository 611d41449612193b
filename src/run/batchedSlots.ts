/**
 * Advances many sequences in one program. Each step is a list of rows: one token of each sequence that decodes, and a
 * chunk of the prompt of each sequence in prefill. A step reads the weights once for all rows. States stay on the
 * engine, in slots; token ids go in, and the wanted logits or drawn tokens come out.
 *
 * The results of a sequence do not depend on its neighbours, its slot or the cuts between its steps. Every op works on
 * single rows, except the recurrence, which takes the rows of each slot in order.
 */
import { bytesOf, type Engine, type Executable, readFloats } from '../engine/engine.ts';
import { InputError } from '../errors.ts';
import { lastHidden, type RecurrentArchitecture } from '../model/architecture.ts';
import { embedding } from '../ops/embedding/embedding.ts';
import { output, record } from '../program/record.ts';
import { widthOf } from '../program/shapes.ts';
import { input, type Tensor } from '../program/tensor.ts';
import { allocateAll } from './allocateAll.ts';
import { LoadedPrograms } from './loadedPrograms.ts';
import type { RecordedModel, RunnableModel } from './model.ts';
import {
  checkBatchSizes,
  checkParts,
  checkSlot,
  countsOf,
  LogitsRoom,
  type RowCounts,
  type RowStep,
  recordRowStep,
  runRowStep,
} from './rowStep.ts';
import type { SequenceState } from './sequenceReader.ts';
import { type BatchSizes, bucketOf, type PartResult, type SlotModel, type SlotTokens } from './slotModel.ts';
import { assignStates } from './steps.ts';

type Model = RunnableModel<RecurrentArchitecture>;

export class BatchedSlots implements SlotModel {
  readonly slots: number;
  readonly maxTokens: number;
  readonly batched = true;
  readonly draws: boolean;
  readonly #model: Model;
  /** [slots + 1, …] of each layer; the last slot takes the padding rows of a program. */
  readonly #states: readonly Tensor[];
  readonly #steps: LoadedPrograms<BatchedStep>;
  #reader: StateReader | undefined;
  readonly #logits = new LogitsRoom();

  /** @throws RangeError for impossible sizes, OutOfMemoryError if the engine has no room for the states */
  constructor(model: Model, sizes: BatchSizes) {
    checkBatchSizes(sizes);
    this.slots = sizes.slots;
    this.maxTokens = bucketOf(sizes.maxTokens);
    this.draws = model.engine.samplesRows;
    this.#model = model;
    this.#states = model.architecture.states(this.slots + 1);
    allocateAll(model.engine, this.#states);
    this.#steps = new LoadedPrograms(model.engine);
  }

  step(parts: readonly SlotTokens[]): Promise<PartResult[]> {
    const { engine, vocabulary, turns } = this.#model;
    return turns.take(async () => {
      const rows = checkParts(parts, this, vocabulary);
      const step = this.#stepFor(bucketOf(rows), countsOf(parts));
      const slotWords = new Int32Array(step.slots.size).fill(this.slots);
      slotWords.set(parts.flatMap(({ slot, tokens }) => tokens.map(() => slot)));
      engine.write(step.slots, bytesOf(slotWords));
      return runRowStep(engine, step, parts, this.#logits.take(step.logits?.size ?? 0));
    });
  }

  load(slot: number, state?: SequenceState): Promise<void> {
    return this.#model.turns.take(async () => {
      checkSlot(slot, this.slots);
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
      checkSlot(slot, this.slots);
      this.#reader ??= new StateReader(this.#model.engine, this.#states);
      return this.#reader.read(slot);
    });
  }

  #stepFor(rows: number, counts: RowCounts) {
    return this.#steps.get(`${rows} ${counts.logits} ${counts.draws}`, () =>
      recordBatchedStep(this.#model, this.#states, rows, counts),
    );
  }
}

interface BatchedStep extends RowStep {
  /** [rows] i32 */
  readonly slots: Tensor;
}

/** The program that reads `rows` tokens of sequences with states; see `recordRowStep`. */
export function recordBatchedStep(
  model: RecordedModel<RecurrentArchitecture>,
  states: readonly Tensor[],
  rows: number,
  counts: RowCounts,
): BatchedStep {
  const slots = input('slots', [rows], 'i32');
  const step = recordRowStep(model, rows, counts, (ids) => {
    const forward = model.architecture.forward(model.weights, ids, { kind: 'slots', slots, states });
    assignStates(states, forward.states);
    return lastHidden(forward);
  });
  return { ...step, slots };
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
