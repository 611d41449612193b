/** The registers of one sequence: a machine has as many slots as sequences that share one reading of the weights. */
import { one, type Scalar, zero } from './arithmetic.ts';
import { banks, type MachineSizes, scalarRegisters, vectorRegisters } from './parameters.ts';
import { byteSums, rowBytes } from './ternaryProduct.ts';

export class Slot {
  readonly vectors: readonly Int32Array[];
  readonly banks: readonly Int8Array[];
  readonly scalars: Scalar[];
  /** The token being read, and whether the host gave one. */
  token = 0;
  active = false;
  /** The greatest sum so far and its row; `index` is −1 before the first. */
  best = { value: 0, index: -1 };
  argBase = 0;
  /** For each bank, the sums of its first `columns` activations, those of a byte of weights at a time. */
  readonly #tables: readonly { columns: number; readonly sums: Int16Array }[];

  readonly #columns: number;

  constructor({ maxLength, columns }: MachineSizes) {
    this.#columns = columns;
    const words = Math.ceil(maxLength / columns);
    this.vectors = Array.from({ length: vectorRegisters }, () => new Int32Array(maxLength));
    this.banks = Array.from({ length: banks }, () => new Int8Array(words * columns));
    this.scalars = Array.from({ length: scalarRegisters }, (_, i) => (i === 0 ? one : zero));
    this.#tables = this.banks.map(() => ({ columns: 0, sums: new Int16Array(words * rowBytes * 256) }));
  }

  /** A bank to be written; its sums are no longer valid. */
  bankToWrite(q: number): Int8Array {
    this.#tables[q]!.columns = 0;
    return this.banks[q]!;
  }

  /** The sums of a bank's activations, kept until the bank is written: projections often share it. */
  sums(q: number, columns: number): Int16Array {
    const table = this.#tables[q]!;
    if (table.columns < columns) {
      byteSums(this.banks[q]!, columns, this.#columns, table.sums);
      table.columns = columns;
    }
    return table.sums;
  }

  /** Lets the sums of rows 0 … rows − 1 of a product compete for `best`. */
  compare(results: Int32Array, rows: number): void {
    for (let row = 0; row < rows; row++) {
      const value = results[row]!;
      if (this.best.index < 0 || value > this.best.value) this.best = { value, index: this.argBase + row };
    }
    this.argBase += rows;
  }
}
