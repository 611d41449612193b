/**
 * The architectural state of the accelerator, registers and memory, and the effect of each instruction on it, without
 * time. Run by itself it is the functional simulator; the cluster (cluster.ts) adds the cycles.
 */
import { InputError } from '../errors.ts';
import {
  addScalars,
  greaterScalar,
  multiplyScalars,
  one,
  reciprocal,
  reciprocalRoot,
  zero,
} from './arithmetic.ts';
import { fold, foldElements, foldScalar } from './checksum.ts';
import { type Instruction, reductions } from './instructionSet.ts';
import { bytesOfBeat, checkSizes, type MachineSizes } from './parameters.ts';
import { Slot } from './slot.ts';
import { blockProducts } from './ternaryProduct.ts';
import {
  largest,
  paddedLength,
  quantise,
  type RowOperands,
  rowWise,
  sumOfSquares,
} from './vectorOperations.ts';

/** Fault codes; 0 is a `halt`. */
export const faults = {
  0: 'halt',
  1: 'illegal instruction',
  2: 'length out of range',
  3: 'address outside memory',
  4: 'weight stream underrun',
  5: 'pc outside the ROM',
} as const;
/** Why a program halted; `faults` has the meanings. */
export type FaultCode = keyof typeof faults;

/** Adjacent beats of memory. */
export interface Part {
  readonly address: number;
  readonly beats: number;
}

/** Weights of a block: `words` from beat `beat` on. */
interface Taken {
  readonly words: Int32Array;
  readonly beat: number;
}

/** Beats of a core's streams that no product has used yet. */
interface Segment {
  address: number;
  beats: number;
}

/** What a program sees and changes: memory, slots and weight streams. */
export class Machine {
  readonly sizes: MachineSizes;
  readonly memory: Uint8Array;
  /** The same bytes. */
  readonly #words: Int32Array;
  readonly slots: readonly Slot[];
  readonly #streams: readonly Segment[][];

  /** Of DRAM. */
  readonly memoryBeats: number;

  /**
   * @param memory DRAM, whole beats, at an address divisible by four
   * @param memoryBeats its size, where only time is simulated and `memory` is empty
   */
  constructor(sizes: MachineSizes, memory: Uint8Array, memoryBeats = memory.length / bytesOfBeat(sizes)) {
    checkSizes(sizes);
    const beatBytes = bytesOfBeat(sizes);
    if (memory.length % beatBytes) {
      throw new InputError(`DRAM: found ${memory.length} bytes, expected a multiple of ${beatBytes}`);
    }
    this.sizes = sizes;
    this.memory = memory;
    this.#words = new Int32Array(memory.buffer, memory.byteOffset, memory.length / 4);
    this.memoryBeats = memoryBeats;
    this.slots = Array.from({ length: sizes.batch }, () => new Slot(sizes));
    this.#streams = Array.from({ length: sizes.cores }, () => []);
  }

  /** Gives each slot its token; a slot without one is inactive and reads token 0. */
  read(tokens: readonly (number | undefined)[]): void {
    this.slots.forEach((slot, s) => {
      slot.token = tokens[s] ?? 0;
      slot.active = tokens[s] !== undefined;
    });
  }

  /** What `tout` hands out: for each slot the row of its greatest sum, 2^32 − 1 if there is none. */
  get outputs(): number[] {
    return this.slots.map(({ best }) => best.index >>> 0);
  }

  /** Why this machine would refuse a decoded instruction now, 0 if it would not. */
  faultOf({ operation: { name, unit }, fields }: Instruction): FaultCode {
    const { maxLength, cores } = this.sizes;
    if (name === 'wst' && fields.core! >= cores) return 1;
    const lengths = [fields.len, fields.cols, fields.wr ? fields.rows : undefined];
    if (lengths.some((length) => length !== undefined && (length === 0 || length > maxLength))) return 2;
    if (fields.rows === 0 || fields.beats === 0) return 2;
    if (unit === 'ls' || name === 'wst') {
      const parts = this.access({ operation: { name, unit }, fields } as Instruction);
      if (parts.some(({ address, beats }) => address + beats > this.memoryBeats)) return 3;
    }
    return 0;
  }

  /** The beats of memory that a load, a store or a stream touches, in order: one part, or one for each slot. */
  access({ operation: { name }, fields }: Instruction): readonly Part[] {
    const address = fields.addr!;
    if (name === 'wst') return [{ address, beats: fields.beats! }];
    const narrow = name === 'ldh' || name === 'lde';
    const { lanes } = this.sizes;
    const beats = Math.ceil(fields.len! / (narrow ? 2 * lanes : lanes));
    if (name === 'lde') return this.slots.map(({ token }) => ({ address: address + token * beats, beats }));
    if (!fields.each) return [{ address, beats }];
    return this.slots.map((_, s) => ({ address: address + s * beats, beats }));
  }

  /**
   * Does what a legal instruction of LS, ROW, SCL or `wst` does, or a product whose streams hold its weights.
   * Control instructions are their caller's.
   * @returns the checksum of what was written; undefined for `wst`
   */
  execute(instruction: Instruction): number | undefined {
    const { name, unit } = instruction.operation;
    if (unit === 'row') {
      const apply = name === 'qnt' ? quantiseIn : rowWiseIn;
      const sources = this.#sources(instruction);
      return foldAll(this.slots.map((slot, s) => apply(slot, instruction, sources[s]!, this.sizes)));
    }
    if (unit === 'scl') return foldAll(this.slots.map((slot) => scalarIn(slot, instruction)));
    if (unit === 'tmv') return this.#product(instruction);
    if (name === 'wst') {
      this.#streams[instruction.fields.core!]!.push({ ...this.access(instruction)[0]! });
      return undefined;
    }
    return name === 'sv' ? this.#store(instruction) : this.#load(instruction);
  }

  /** Beats of core `core` that are streamed or to be streamed, and not used. */
  beatsAhead(core: number): number {
    return this.#streams[core]!.reduce((sum, { beats }) => sum + beats, 0);
  }

  /** What each slot reads as a: its register, or for `shf` that of the slot before, in the first slot b. */
  #sources({ operation: { name }, fields }: Instruction): readonly Int32Array[] {
    if (name !== 'shf') return this.slots.map(({ vectors }) => vectors[fields.a!]!);
    const before = this.slots.slice(0, -1).map(({ vectors }) => vectors[fields.a!]!.slice(0, fields.len!));
    return [this.slots[0]!.vectors[fields.b!]!, ...before];
  }

  #load(instruction: Instruction): number {
    const parts = this.access(instruction);
    return foldAll(this.slots.map((slot, s) => this.#loadSlot(slot, instruction, parts[s] ?? parts[0]!)));
  }

  #loadSlot(slot: Slot, { operation: { name }, fields }: Instruction, { address, beats }: Part): number {
    const { len, left = 0, y } = fields;
    const { lanes } = this.sizes;
    const beatBytes = bytesOfBeat(this.sizes);
    const target = slot.vectors[y!]!;
    const bytes = new DataView(
      this.memory.buffer,
      this.memory.byteOffset + address * beatBytes,
      beats * beatBytes,
    );
    for (let i = 0; i < len!; i++) {
      target[i] = name === 'ldv' ? bytes.getInt32(4 * i, true) : bytes.getInt16(2 * i, true) << left;
    }
    target.fill(0, len!, paddedLength(len!, lanes));
    return foldElements(0, target, paddedLength(len!, lanes));
  }

  /** Stores all slots, or the last one. */
  #store(instruction: Instruction): number {
    const { len, y } = instruction.fields;
    const { lanes } = this.sizes;
    const padded = paddedLength(len!, lanes);
    const parts = this.access(instruction);
    const stored = parts.length === 1 ? this.slots.slice(-1) : this.slots;
    return foldAll(
      stored.map(({ vectors }, s) => {
        const source = vectors[y!]!;
        this.#words.set(source.subarray(0, padded), parts[s]!.address * lanes);
        return foldElements(0, source, padded);
      }),
    );
  }

  #product({ fields }: Instruction): number {
    const { rows, cols, wr, arg, first } = fields;
    const { lanes, columns } = this.sizes;
    const beats = Math.ceil(cols! / columns);
    const blocks = Math.ceil(rows! / lanes);
    const places = this.#takeBlocks(blocks, beats);
    return foldAll(
      this.slots.map((slot) => {
        const results = this.#products(slot.sums(fields.q!, beats * columns), places, beats);
        const y = wr ? slot.vectors[fields.to!]! : undefined;
        y?.set(results);
        if (first) {
          slot.best = { value: 0, index: -1 };
          slot.argBase = 0;
        }
        if (arg) slot.compare(results, rows!);
        const sum = y ? foldElements(0, y, paddedLength(rows!, lanes)) : 0;
        return arg ? fold(fold(sum, slot.best.value), slot.best.index) : sum;
      }),
    );
  }

  /** Where each block's weights lie: in memory, or copied where they span two streams. */
  #takeBlocks(blocks: number, beats: number): readonly Taken[] {
    return Array.from({ length: blocks }, (_, block) => this.#take(block % this.sizes.cores, beats));
  }

  /** A sum for each row of each block. */
  #products(sums: Int16Array, places: readonly Taken[], beats: number): Int32Array {
    const { lanes } = this.sizes;
    const results = new Int32Array(places.length * lanes);
    const offsets = places.map(({ words, beat }, block) => {
      if (words === this.#words) return beat;
      const part = results.subarray(block * lanes, (block + 1) * lanes);
      blockProducts(words, [beat], { beats, lanes }, sums, part);
      return -1;
    });
    blockProducts(this.#words, offsets, { beats, lanes }, sums, results);
    return results;
  }

  /** The next beats of a core's streams, brought together where they span two of them. */
  #take(core: number, beats: number): Taken {
    const stream = this.#streams[core]!;
    if (stream[0] && stream[0].beats >= beats)
      return { words: this.#words, beat: this.#advance(stream, beats) };
    const beatWords = this.sizes.lanes;
    const words = new Int32Array(beats * beatWords);
    for (let taken = 0; taken < beats; taken++) {
      if (stream.length === 0) {
        throw new InputError(`core ${core}: its weight stream ends within a product (${faults[4]})`);
      }
      const at = this.#advance(stream, 1) * beatWords;
      words.set(this.#words.subarray(at, at + beatWords), taken * beatWords);
    }
    return { words, beat: 0 };
  }

  /** @returns the first of the next beats */
  #advance(stream: Segment[], beats: number): number {
    const segment = stream[0]!;
    const { address } = segment;
    segment.address += beats;
    segment.beats -= beats;
    if (segment.beats === 0) stream.shift();
    return address;
  }
}

function operandsIn(
  slot: Slot,
  fields: Instruction['fields'],
  a: Int32Array,
  { lanes }: MachineSizes,
): RowOperands {
  return {
    a,
    b: slot.vectors[fields.b ?? 0]!,
    scale: slot.scalars[fields.scale!]!,
    shift: (fields.shift ?? 0) + 16,
    length: fields.len!,
    lanes,
  };
}

function rowWiseIn(
  slot: Slot,
  { operation: { name }, fields }: Instruction,
  a: Int32Array,
  sizes: MachineSizes,
): number {
  const y = slot.vectors[fields.y!]!;
  const length = fields.len!;
  rowWise(name, operandsIn(slot, fields, a, sizes), y);
  const sum = foldElements(0, y, paddedLength(length, sizes.lanes));
  const kind = reductions[fields.red!]!;
  if (kind === 'none') return sum;
  const reduced = kind === 'ss' ? sumOfSquares(y, length) : largest(y, length);
  slot.scalars[fields.sd!] = reduced;
  return foldScalar(sum, reduced);
}

function quantiseIn(slot: Slot, { fields }: Instruction, a: Int32Array, sizes: MachineSizes): number {
  const bank = slot.bankToWrite(fields.q!);
  quantise(operandsIn(slot, fields, a, sizes), bank);
  return foldElements(0, bank, paddedLength(fields.len!, sizes.lanes));
}

function scalarIn(slot: Slot, { operation: { name }, fields }: Instruction): number {
  const a = slot.scalars[fields.sa ?? 0]!;
  const b = slot.scalars[fields.sb ?? 0]!;
  const result = {
    sli: () => ({ m: fields.m!, e: fields.e! }),
    sact: () => (slot.active ? one : zero),
    smul: () => multiplyScalars(a, b),
    sadd: () => addScalars(a, b),
    smax: () => greaterScalar(a, b),
    srcp: () => reciprocal(a),
    srsq: () => reciprocalRoot(a),
  }[name as 'sli']();
  slot.scalars[fields.sd!] = result;
  return foldScalar(0, result);
}

/** The checksums of all slots as one. */
function foldAll(sums: readonly number[]): number {
  return sums.reduce((all, sum) => fold(all, sum));
}
