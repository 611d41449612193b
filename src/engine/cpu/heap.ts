/** Memory of the WebAssembly module: a free list with first fit. All blocks are aligned for vectors. */
import { aligned } from '../../program/plan.ts';
import { OutOfMemoryError } from '../engine.ts';

const pageBytes = 65536;
/** The first page holds the module's own constants. */
const heapStart = pageBytes;
/** Kernels may read past the end of a block, packed rows furthest, so the last block never reaches the end. */
const guardBytes = 2048;

interface Gap {
  start: number;
  bytes: number;
}

export class Heap {
  readonly memory: WebAssembly.Memory;
  readonly #limit: number;
  readonly #sizes = new Map<number, number>();
  /** Sorted by address, never adjacent. */
  #gaps: Gap[] = [];
  #end = heapStart;

  constructor(memory: WebAssembly.Memory, limitBytes: number) {
    this.memory = memory;
    this.#limit = limitBytes;
  }

  /** Bytes in use, the module's own page included. */
  get usedBytes(): number {
    return this.#end - this.#gaps.reduce((sum, gap) => sum + gap.bytes, 0);
  }

  /** Bytes that the memory can still give. */
  get freeBytes(): number {
    return this.#limit - this.usedBytes;
  }

  /** Address of a new block, with undefined content. Throws `OutOfMemoryError`. */
  allocate(bytes: number, purpose: string): number {
    const size = aligned(Math.max(bytes, 1));
    const index = this.#gaps.findIndex((gap) => gap.bytes >= size);
    const start = index >= 0 ? this.#takeFromGap(index, size) : this.#takeFromEnd(size, purpose);
    this.#sizes.set(start, size);
    return start;
  }

  free(start: number): void {
    const bytes = this.#sizes.get(start);
    if (bytes === undefined) throw new Error(`heap: ${start} is not the start of a block`);
    this.#sizes.delete(start);
    const merged: Gap[] = [];
    for (const gap of [...this.#gaps, { start, bytes }].sort((a, b) => a.start - b.start)) {
      const last = merged.at(-1);
      if (last && last.start + last.bytes === gap.start) last.bytes += gap.bytes;
      else merged.push({ ...gap });
    }
    const last = merged.at(-1)!;
    if (last.start + last.bytes === this.#end) {
      this.#end = last.start;
      merged.pop();
    }
    this.#gaps = merged;
  }

  /** The bytes [start, start + length) as they are now; memory may move when it grows, so don't keep this. */
  bytes(start: number, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, start, length);
  }

  #takeFromGap(index: number, size: number): number {
    const gap = this.#gaps[index]!;
    const start = gap.start;
    gap.start += size;
    gap.bytes -= size;
    if (gap.bytes === 0) this.#gaps.splice(index, 1);
    return start;
  }

  #takeFromEnd(size: number, purpose: string): number {
    const needed = this.#end + size + guardBytes;
    const missing = Math.ceil((needed - this.memory.buffer.byteLength) / pageBytes);
    if (needed > this.#limit) throw this.#outOfMemory(size, purpose);
    if (missing > 0) {
      try {
        this.memory.grow(missing);
      } catch {
        throw this.#outOfMemory(size, purpose);
      }
    }
    const start = this.#end;
    this.#end += size;
    return start;
  }

  #outOfMemory(size: number, purpose: string): OutOfMemoryError {
    const mb = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
    return new OutOfMemoryError(
      `out of memory: ${purpose} needs ${mb(size)}, ${mb(this.usedBytes)} of at most ${mb(this.#limit)} are in use; ` +
        'use a smaller batch, shorter sequences or a smaller model',
    );
  }
}
