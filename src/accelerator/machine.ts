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
  type Scalar,
  zero,
} from './arithmetic.ts';
import { fold, foldElements, foldScalar } from './checksum.ts';
import { type Instruction, reductions } from './instructionSet.ts';
import {
  banks,
  beatBytes,
  checkSizes,
  lanes,
  type MachineSizes,
  scalarRegisters,
  vectorRegisters,
} from './parameters.ts';
import { beatWords, blockProducts, byteSums } from './ternaryProduct.ts';
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
export type FaultCode = keyof typeof faults;

/** Beats of a core's streams that no product has used yet. */
interface Segment {
  address: number;
  beats: number;
}

export class Machine {
  readonly sizes: MachineSizes;
  readonly memory: Uint8Array;
  /** The same bytes. */
  readonly #words: Int32Array;
  readonly vectors: readonly Int32Array[];
  readonly banks: readonly Int8Array[];
  readonly scalars: Scalar[];
  /** The token being read. */
  token = 0;
  /** The greatest sum so far and its row; `index` is −1 before the first. */
  best = { value: 0, index: -1 };
  #argBase = 0;
  readonly #streams: readonly Segment[][];
  /** For each bank, the sums of its first `beats` words. */
  readonly #tables: readonly { beats: number; readonly sums: Int16Array }[];

  /** Of DRAM. */
  readonly memoryBeats: number;

  /**
   * @param memory DRAM, whole beats, at an address divisible by four
   * @param memoryBeats its size, where only time is simulated and `memory` is empty
   */
  constructor(sizes: MachineSizes, memory: Uint8Array, memoryBeats = memory.length / beatBytes) {
    checkSizes(sizes);
    if (memory.length % beatBytes) {
      throw new InputError(`DRAM: found ${memory.length} bytes, expected a multiple of ${beatBytes}`);
    }
    this.sizes = sizes;
    this.memory = memory;
    this.#words = new Int32Array(memory.buffer, memory.byteOffset, memory.length / 4);
    this.memoryBeats = memoryBeats;
    this.vectors = Array.from({ length: vectorRegisters }, () => new Int32Array(sizes.maxLength));
    this.banks = Array.from({ length: banks }, () => new Int8Array(sizes.maxLength));
    this.scalars = Array.from({ length: scalarRegisters }, (_, i) => (i === 0 ? one : zero));
    this.#streams = Array.from({ length: sizes.cores }, () => []);
    this.#tables = this.banks.map(({ length }) => ({ beats: 0, sums: new Int16Array((length / 4) * 256) }));
  }

  /** Why this machine would refuse a decoded instruction now, 0 if it would not. */
  faultOf({ operation: { name, unit }, fields }: Instruction): FaultCode {
    const { maxLength, cores } = this.sizes;
    if (name === 'wst' && fields.core! >= cores) return 1;
    const lengths = [fields.len, fields.cols, fields.wr ? fields.rows : undefined];
    if (lengths.some((length) => length !== undefined && (length === 0 || length > maxLength))) return 2;
    if (fields.rows === 0 || fields.beats === 0) return 2;
    if (unit === 'ls' || name === 'wst') {
      const { address, beats } = this.access({ operation: { name, unit }, fields } as Instruction);
      if (address + beats > this.memoryBeats) return 3;
    }
    return 0;
  }

  /** The beats of memory that a load, a store or a stream touches. */
  access({ operation: { name }, fields }: Instruction): { readonly address: number; readonly beats: number } {
    const address = fields.addr!;
    if (name === 'wst') return { address, beats: fields.beats! };
    const narrow = name === 'ldh' || name === 'lde';
    const beats = Math.ceil(fields.len! / (narrow ? 2 * lanes : lanes));
    return { address: name === 'lde' ? address + this.token * beats : address, beats };
  }

  /**
   * Does what a legal instruction of LS, ROW, SCL or `wst` does, or a product whose streams hold its weights.
   * Control instructions are their caller's.
   * @returns the checksum of what was written; undefined for `wst`
   */
  execute(instruction: Instruction): number | undefined {
    const { name, unit } = instruction.operation;
    if (unit === 'row') return name === 'qnt' ? this.#quantise(instruction) : this.#rowWise(instruction);
    if (unit === 'scl') return this.#scalar(instruction);
    if (unit === 'tmv') return this.#product(instruction);
    if (name === 'wst') {
      this.#streams[instruction.fields.core!]!.push({ ...this.access(instruction) });
      return undefined;
    }
    return name === 'sv' ? this.#store(instruction) : this.#load(instruction);
  }

  /** Beats of core `core` that are streamed or to be streamed, and not used. */
  beatsAhead(core: number): number {
    return this.#streams[core]!.reduce((sum, { beats }) => sum + beats, 0);
  }

  #operands(fields: Instruction['fields']): RowOperands {
    return {
      a: this.vectors[fields.a!]!,
      b: this.vectors[fields.b ?? 0]!,
      scale: this.scalars[fields.scale!]!,
      shift: (fields.shift ?? 0) + 16,
      length: fields.len!,
    };
  }

  #rowWise({ operation: { name }, fields }: Instruction): number {
    const y = this.vectors[fields.y!]!;
    const length = fields.len!;
    rowWise(name, this.#operands(fields), y);
    const sum = foldElements(0, y, paddedLength(length));
    const kind = reductions[fields.red!]!;
    if (kind === 'none') return sum;
    const reduced = kind === 'ss' ? sumOfSquares(y, length) : largest(y, length);
    this.scalars[fields.sd!] = reduced;
    return foldScalar(sum, reduced);
  }

  #quantise({ fields }: Instruction): number {
    const bank = this.banks[fields.q!]!;
    this.#tables[fields.q!]!.beats = 0;
    quantise(this.#operands(fields), bank);
    return foldElements(0, bank, paddedLength(fields.len!));
  }

  #scalar({ operation: { name }, fields }: Instruction): number {
    const a = this.scalars[fields.sa ?? 0]!;
    const b = this.scalars[fields.sb ?? 0]!;
    const result = {
      sli: () => ({ m: fields.m!, e: fields.e! }),
      smul: () => multiplyScalars(a, b),
      sadd: () => addScalars(a, b),
      smax: () => greaterScalar(a, b),
      srcp: () => reciprocal(a),
      srsq: () => reciprocalRoot(a),
    }[name as 'sli']();
    this.scalars[fields.sd!] = result;
    return foldScalar(0, result);
  }

  #load(instruction: Instruction): number {
    const { name } = instruction.operation;
    const { len, left = 0, y } = instruction.fields;
    const { address, beats } = this.access(instruction);
    const target = this.vectors[y!]!;
    const bytes = new DataView(
      this.memory.buffer,
      this.memory.byteOffset + address * beatBytes,
      beats * beatBytes,
    );
    for (let i = 0; i < len!; i++) {
      target[i] = name === 'ldv' ? bytes.getInt32(4 * i, true) : bytes.getInt16(2 * i, true) << left;
    }
    target.fill(0, len!, paddedLength(len!));
    return foldElements(0, target, paddedLength(len!));
  }

  #store(instruction: Instruction): number {
    const { address } = this.access(instruction);
    const { len, y } = instruction.fields;
    const source = this.vectors[y!]!;
    const bytes = new DataView(this.memory.buffer, this.memory.byteOffset + address * beatBytes);
    const padded = paddedLength(len!);
    for (let i = 0; i < padded; i++) bytes.setInt32(4 * i, source[i]!, true);
    return foldElements(0, source, padded);
  }

  #product({ fields }: Instruction): number {
    const { cols, rows, wr, arg, first } = fields;
    const beats = Math.ceil(cols! / lanes);
    const blocks = Math.ceil(rows! / lanes);
    const results = this.#products(fields.q!, beats, blocks);
    const y = wr ? this.vectors[fields.to!]! : undefined;
    y?.set(results);
    if (first) {
      this.best = { value: 0, index: -1 };
      this.#argBase = 0;
    }
    if (arg) {
      for (let row = 0; row < rows!; row++) this.#compare(row, results[row]!);
      this.#argBase += rows!;
    }
    const sum = y ? foldElements(0, y, paddedLength(rows!)) : 0;
    return arg ? fold(fold(sum, this.best.value), this.best.index) : sum;
  }

  /** Sixteen sums for each block of rows. */
  #products(q: number, beats: number, blocks: number): Int32Array {
    const sums = this.#sumsOf(q, beats);
    const results = new Int32Array(blocks * lanes);
    const offsets = Array.from({ length: blocks }, (_, block) => {
      const { words, beat } = this.#take(block % this.sizes.cores, beats);
      if (words === this.#words) return beat;
      blockProducts(words, [beat], beats, sums, results.subarray(block * lanes, (block + 1) * lanes));
      return -1;
    });
    blockProducts(this.#words, offsets, beats, sums, results);
    return results;
  }

  /** The sums of a bank's every four activations, kept until the bank is written: projections often share it. */
  #sumsOf(q: number, beats: number): Int16Array {
    const tables = this.#tables[q]!;
    if (tables.beats < beats) {
      byteSums(this.banks[q]!, beats * lanes, tables.sums);
      tables.beats = beats;
    }
    return tables.sums;
  }

  #compare(row: number, value: number): void {
    if (this.best.index >= 0 && value <= this.best.value) return;
    this.best = { value, index: this.#argBase + row };
  }

  /** The next beats of a core's streams, brought together where they span two of them. */
  #take(core: number, beats: number): { readonly words: Int32Array; readonly beat: number } {
    const stream = this.#streams[core]!;
    if (stream[0] && stream[0].beats >= beats)
      return { words: this.#words, beat: this.#advance(stream, beats) };
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
