/** The pages of one sequence that has a pool of its own: all of them, in order. */
import { bytesOf, type Engine } from '../engine/engine.ts';
import type { AttentionArchitecture, KeyValuePages } from '../model/architecture.ts';
import { pageSize } from '../ops/pages.ts';
import { input, type Tensor } from '../program/tensor.ts';

export class SequencePages {
  /** Keys, then values, of each layer. */
  readonly tensors: readonly Tensor[];
  readonly #table: Tensor;

  /** @param capacity tokens that there shall be room for */
  constructor(architecture: AttentionArchitecture, capacity: number) {
    const pages = pagesFor(capacity);
    this.tensors = architecture.pools(pages);
    this.#table = input('pages', [1, pages], 'i32');
  }

  get bytes(): number {
    return this.tensors.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /**
   * The pages with the inputs of a program that reads `length` tokens.
   * @param positions their positions, where the program itself changes them
   */
  ofStep(length: number, positions = input('positions', [length], 'i32')): KeyValuePages {
    const slots = input('slots', [length], 'i32');
    return { tensors: this.tensors, paging: { slots, positions, pages: this.#table } };
  }
}

/** Writes the inputs of a program that reads tokens of one sequence from position `first` on. */
export function writeSequence(
  engine: Engine,
  { paging: { slots, positions, pages } }: KeyValuePages,
  first: number,
): void {
  engine.write(slots, bytesOf(new Int32Array(slots.size)));
  engine.write(positions, bytesOf(Int32Array.from({ length: positions.size }, (_, i) => first + i)));
  engine.write(pages, bytesOf(Int32Array.from({ length: pages.size }, (_, i) => i)));
}

/** Pages that hold so many tokens. */
export function pagesFor(tokens: number): number {
  return Math.ceil(tokens / pageSize);
}
