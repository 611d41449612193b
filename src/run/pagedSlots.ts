/**
 * Advances many sequences of a model that attends, in one program: the counterpart of BatchedSlots. Keys and values lie
 * in pages of one pool of fixed size. If the pool is full, the sequences that waited longest lose their pages; their
 * tokens are read again when they continue. So the pool bounds memory, not the number of sequences.
 */
import { bytesOf } from '../engine/engine.ts';
import { InputError } from '../errors.ts';
import { type AttentionArchitecture, lastHidden } from '../model/architecture.ts';
import { pageSize } from '../ops/pages.ts';
import { input, type Tensor } from '../program/tensor.ts';
import { allocateAll } from './allocateAll.ts';
import { LoadedPrograms } from './loadedPrograms.ts';
import type { RecordedModel, RunnableModel } from './model.ts';
import { PagedSequence } from './pagedSequence.ts';
import { PagePool } from './pagePool.ts';
import {
  checkBatchSizes,
  checkParts,
  checkSlot,
  countsOf,
  LogitsRoom,
  listWanted,
  type RowCounts,
  type RowStep,
  recordRowStep,
  runRowStep,
} from './rowStep.ts';
import { pagesFor } from './sequencePages.ts';
import type { SequenceState } from './sequenceReader.ts';
import { type BatchSizes, bucketOf, type PartResult, type SlotModel, type SlotTokens } from './slotModel.ts';
import { checkContext, stateOfTokens, tokensOfState } from './tokenState.ts';

type Model = RunnableModel<AttentionArchitecture>;

/** Memory for keys and values if nothing else is asked for. */
const defaultBytes = 2 ** 28;

interface Part extends SlotTokens {
  readonly sequence: PagedSequence;
  /** Position of its first token. */
  readonly first: number;
}

export class PagedSlots implements SlotModel {
  readonly slots: number;
  readonly maxTokens: number;
  readonly batched = true;
  readonly draws: boolean;
  readonly #model: Model;
  readonly #pool: PagePool;
  /** The last page takes the keys and values of padding rows. */
  readonly #pools: readonly Tensor[];
  /** Pages of each sequence, the last one for padding rows: [slots + 1, maxPages]. */
  readonly #pages: Tensor;
  readonly #steps: LoadedPrograms<PagedStep>;
  readonly #sequences: readonly PagedSequence[];
  /** Slots, the one that waited longest first. */
  #order: number[];
  readonly #logits = new LogitsRoom();

  /** @throws RangeError for impossible sizes, OutOfMemoryError if the engine has no room for the pool */
  constructor(model: Model, sizes: BatchSizes) {
    checkBatchSizes(sizes);
    const { architecture, engine } = model;
    this.slots = sizes.slots;
    this.maxTokens = bucketOf(sizes.maxTokens);
    this.draws = engine.samplesRows;
    this.#model = model;
    const pages = poolPages(architecture, sizes);
    this.#pool = new PagePool(pages);
    this.#pools = architecture.pools(pages + 1);
    allocateAll(engine, this.#pools);
    this.#pages = input('pages', [this.slots + 1, pagesFor(architecture.contextLength)], 'i32');
    this.#steps = new LoadedPrograms(engine);
    this.#sequences = Array.from({ length: this.slots }, () => new PagedSequence(this.#pool));
    this.#order = this.#sequences.map((_, slot) => slot);
  }

  step(parts: readonly SlotTokens[]): Promise<PartResult[]> {
    const { vocabulary, turns, architecture } = this.#model;
    return turns.take(async () => {
      checkParts(parts, this, vocabulary);
      const joined = parts.map((part) => {
        const sequence = this.#sequence(part.slot);
        return { ...part, sequence, first: sequence.tokens.length };
      });
      for (const { first, tokens } of joined) checkContext(first + tokens.length, architecture.contextLength);
      const count = listWanted(parts).length;
      const logits = this.#logits.take(vocabulary * (count + bucketOf(Math.max(count, 1))));
      try {
        return await this.#advance(joined, logits);
      } catch (error) {
        for (const { sequence, first } of joined) sequence.rewind(first);
        throw error;
      }
    });
  }

  async load(slot: number, state?: SequenceState): Promise<void> {
    await this.#model.turns.take(async () => {
      const { architecture, vocabulary } = this.#model;
      const tokens = state ? tokensOfState(state, architecture.contextLength, vocabulary) : [];
      this.#sequence(slot).restart(tokens);
    });
  }

  save(slot: number): Promise<SequenceState> {
    return this.#model.turns.take(async () =>
      stateOfTokens(this.#model.architecture.contextLength, this.#sequence(slot).tokens),
    );
  }

  /**
   * Reads the parts in as few programs as the pool has pages for: one, unless it is too small. `logits` has room for
   * those that are wanted and for the padding rows of the last program.
   */
  async #advance(parts: readonly Part[], logits: Float32Array): Promise<PartResult[]> {
    const results: PartResult[] = [];
    let group: Part[] = [];
    let written = 0;
    const flush = async () => {
      results.push(...(await this.#runGroup(group, logits.subarray(written))));
      written += this.#model.vocabulary * listWanted(group).length;
      group = [];
    };
    for (const part of parts) {
      const { sequence, tokens } = part;
      sequence.append(tokens);
      if (!this.#reserve(part, group)) {
        if (group.length > 0) await flush();
        if (!this.#reserve(part, [])) this.#refuse(sequence);
      }
      group.push(part);
    }
    await flush();
    return results;
  }

  /** Gives a sequence the pages that it needs; sequences outside the group lose theirs for it. */
  #reserve({ sequence, slot }: Part, group: readonly Part[]): boolean {
    const protectedSlots = new Set([slot, ...group.map((part) => part.slot)]);
    this.#order = [...this.#order.filter((other) => other !== slot), slot];
    for (const other of [undefined, ...this.#order]) {
      if (other !== undefined) {
        if (protectedSlots.has(other)) continue;
        this.#sequence(other).drop();
      }
      if (sequence.reserve()) return true;
    }
    return false;
  }

  #refuse(sequence: PagedSequence): never {
    throw new InputError(
      `found a sequence of ${sequence.tokens.length} tokens, but the memory for keys and values holds only ` +
        `${this.#pool.size * pageSize} tokens; give it more (cacheBytes, or --kv-cache-mb of the server)`,
    );
  }

  /**
   * Reads parts in one program, with the tokens before them whose keys and values are not in the pages. What of these does
   * not fit into it is read before.
   */
  async #runGroup(group: readonly Part[], logits: Float32Array): Promise<PartResult[]> {
    const earlier = group.flatMap(missingTokens);
    const room = this.maxTokens - group.reduce((sum, { tokens }) => sum + tokens.length, 0);
    while (earlier.length > room) await this.#run(earlier.splice(0, this.maxTokens), new Float32Array());
    const results = await this.#run([...earlier, ...group], logits);
    return results.slice(earlier.length);
  }

  /** Runs one program over parts whose tokens come next in the pages of their sequences. */
  async #run(parts: readonly Part[], logits: Float32Array): Promise<PartResult[]> {
    const { engine } = this.#model;
    const rows = parts.reduce((sum, { tokens }) => sum + tokens.length, 0);
    const step = this.#stepFor(bucketOf(rows), countsOf(parts));
    const slots = new Int32Array(step.slots.size).fill(this.slots);
    const positions = new Int32Array(step.positions.size);
    let row = 0;
    for (const { slot, first, tokens } of parts) {
      for (let i = 0; i < tokens.length; i++, row++) {
        slots[row] = slot;
        positions[row] = first + i;
      }
    }
    engine.write(step.slots, bytesOf(slots));
    engine.write(step.positions, bytesOf(positions));
    engine.write(this.#pages, bytesOf(this.#table()));
    const results = await runRowStep(engine, step, parts, logits.subarray(0, step.logits?.size ?? 0));
    for (const { sequence, first, tokens } of parts) sequence.commit(first + tokens.length);
    return results;
  }

  /** Unused entries name the padding page. */
  #table(): Int32Array {
    const table = new Int32Array(this.#pages.size).fill(this.#pool.size);
    const width = table.length / (this.slots + 1);
    for (const [slot, { pages }] of this.#sequences.entries()) {
      const indices = pages.map(({ index }) => index);
      table.set(indices, slot * width);
    }
    return table;
  }

  #stepFor(rows: number, counts: RowCounts) {
    return this.#steps.get(`${rows} ${counts.logits} ${counts.draws}`, () =>
      recordPagedStep(this.#model, { tensors: this.#pools, pages: this.#pages }, rows, counts),
    );
  }

  #sequence(slot: number): PagedSequence {
    checkSlot(slot, this.slots);
    return this.#sequences[slot]!;
  }
}

/** The tokens before those of a part whose keys and values are not in the pages, each as a part of its own. */
function missingTokens({ sequence, slot, first }: Part): Part[] {
  return sequence.tokens
    .slice(sequence.cached, first)
    .map((token, k) => ({ sequence, slot, tokens: [token], first: sequence.cached + k, wanted: 'none' }));
}

interface PagedStep extends RowStep {
  /** [rows] i32 */
  readonly slots: Tensor;
  /** [rows] i32 */
  readonly positions: Tensor;
}

/** The program that reads `rows` tokens of sequences with pages; see `recordRowStep`. */
export function recordPagedStep(
  model: RecordedModel<AttentionArchitecture>,
  { tensors, pages }: { readonly tensors: readonly Tensor[]; readonly pages: Tensor },
  rows: number,
  counts: RowCounts,
): PagedStep {
  const slots = input('slots', [rows], 'i32');
  const positions = input('positions', [rows], 'i32');
  const cache = { tensors, paging: { slots, positions, pages } };
  const step = recordRowStep(model, rows, counts, (ids) =>
    lastHidden(model.architecture.forward(model.weights, ids, cache)),
  );
  return { ...step, slots, positions };
}

/** Bytes of the pool. @throws RangeError if two pages do not fit in `cacheBytes` */
export function poolBytes(architecture: AttentionArchitecture, sizes: BatchSizes): number {
  return totalBytes(architecture.pools(poolPages(architecture, sizes) + 1));
}

function totalBytes(tensors: readonly Tensor[]): number {
  return tensors.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Pages of a pool: as many as all sequences can use, within `cacheBytes`. */
function poolPages(
  { contextLength, pools }: AttentionArchitecture,
  { slots, cacheBytes = defaultBytes }: BatchSizes,
): number {
  const pageBytes = totalBytes(pools(1));
  const pages = Math.min(slots * pagesFor(contextLength), Math.floor(cacheBytes / pageBytes) - 1);
  if (pages >= 1) return pages;
  throw new RangeError(
    `cacheBytes: found ${cacheBytes}, expected at least ${2 * pageBytes}, two pages of keys and values`,
  );
}
