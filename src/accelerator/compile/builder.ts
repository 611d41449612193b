/** Emits virtual instructions: the vocabulary in which ops are lowered. */

import { InputError } from '../../errors.ts';
import { scalarOf } from '../arithmetic.ts';
import { reductions } from '../instructionSet.ts';
import { bytesOfBeat, type MachineSizes } from '../parameters.ts';
import { constantFraction, int16Fraction } from './formats.ts';
import type { Layout, Region } from './layout.ts';
import type { Matrix } from './streams.ts';
import type { VirtualBank, VirtualInstruction, VirtualScalar, VirtualVector } from './virtual.ts';

/** Elements that stand for value · 2^fraction. */
export interface Fixed {
  readonly kind: 'fixed';
  readonly vector: VirtualVector;
  readonly fraction: number;
  /** Reductions of it that are computed already. */
  readonly reduced: Map<'ss' | 'max', VirtualScalar>;
  /** The row-wise instruction that made it, which can reduce it at no cost. */
  readonly maker: VirtualInstruction | undefined;
}

/** Sums of a ternary product; `scale(fraction)` is the scalar that turns them into that format. */
export interface Raw {
  readonly kind: 'raw';
  readonly vector: VirtualVector;
  readonly scale: (fraction: number) => VirtualScalar;
}

export type Value = Fixed | Raw;

/** Rows of numbers, read one at a time: an embedding need not be held as floats. */
export interface Table {
  readonly rows: number;
  readonly width: number;
  /** The greatest magnitude in it. */
  readonly largest: number;
  row(index: number): ArrayLike<number>;
}

interface RowOptions {
  readonly a: VirtualVector;
  readonly b?: VirtualVector;
  readonly scale?: VirtualScalar | undefined;
  readonly shift?: number;
  /** Of the result. */
  readonly fraction: number;
}

export class Builder {
  readonly instructions: VirtualInstruction[] = [];
  readonly layout: Layout;
  /** Said in the comments of what follows. */
  comment = '';

  /** Slots of the machine. */
  readonly batch: number;
  /** Elements of a beat of memory. */
  readonly lanes: number;
  #active: VirtualScalar | undefined;

  constructor(layout: Layout, { batch, lanes }: Pick<MachineSizes, 'batch' | 'lanes'>) {
    this.layout = layout;
    this.batch = batch;
    this.lanes = lanes;
  }

  emit(
    entry: Omit<VirtualInstruction, 'comment' | 'after'> & { after?: VirtualInstruction[] },
  ): VirtualInstruction {
    const made = { comment: this.comment, after: [], ...entry };
    this.instructions.push(made);
    return made;
  }

  /** A row-wise operation that writes a new vector as long as a. */
  row(name: string, { a, b, scale, shift, fraction }: RowOptions): Fixed {
    const vector: VirtualVector = { kind: 'vector', length: a.length };
    const maker = this.emit({
      name,
      fields: { len: a.length, ...(shift === undefined ? {} : { shift: shift - 16 }) },
      reads: { a, ...(b ? { b } : {}), ...(scale ? { scale } : {}) },
      writes: { y: vector },
    });
    return { kind: 'fixed', vector, fraction, reduced: new Map(), maker };
  }

  scalar(name: string, sa: VirtualScalar, sb?: VirtualScalar): VirtualScalar {
    const sd: VirtualScalar = { kind: 'scalar' };
    this.emit({ name, fields: {}, reads: { sa, ...(sb ? { sb } : {}) }, writes: { sd } });
    return sd;
  }

  constant(value: number): VirtualScalar {
    const sd: VirtualScalar = { kind: 'scalar' };
    this.emit({ name: 'sli', fields: { ...scalarOf(value) }, reads: {}, writes: { sd } });
    return sd;
  }

  /** The scalar times a number. */
  times(scalar: VirtualScalar, factor: number): VirtualScalar {
    return this.scalar('smul', scalar, this.constant(factor));
  }

  /** Σ x² or max |x| of the elements as integers, taken by their maker where it has no other reduction. */
  reduce(kind: 'ss' | 'max', x: Fixed): { readonly scalar: VirtualScalar; readonly x: Fixed } {
    const known = x.reduced.get(kind);
    if (known) return { scalar: known, x };
    const scalar: VirtualScalar = { kind: 'scalar' };
    const free = x.maker && x.maker.fields.red === undefined;
    const target = free ? x : this.row('mov', { a: x.vector, fraction: x.fraction });
    target.maker!.fields.red = reductions.indexOf(kind);
    target.maker!.writes.sd = scalar;
    for (const reduced of [x.reduced, target.reduced]) reduced.set(kind, scalar);
    return { scalar, x: target };
  }

  /** The value with a given number of fraction bits. */
  toFixed(value: Value, fraction: number): Fixed {
    if (value.kind === 'fixed' && value.fraction === fraction) return value;
    const scale = this.scaleTo(value, fraction);
    return this.row('mov', { a: value.vector, scale, fraction });
  }

  /** The scalar by which a row-wise instruction reads a value in a given format; undefined for as it is. */
  scaleTo(value: Value, fraction: number): VirtualScalar | undefined {
    if (value.kind === 'raw') return value.scale(fraction);
    return value.fraction === fraction ? undefined : this.constant(2 ** (fraction - value.fraction));
  }

  /** One in slots that have a token, zero in the others; undefined where every slot has one. */
  get active(): VirtualScalar | undefined {
    if (this.batch === 1) return undefined;
    if (!this.#active) {
      this.#active = { kind: 'scalar' };
      this.emit({ name: 'sact', fields: {}, reads: {}, writes: { sd: this.#active } });
    }
    return this.#active;
  }

  /** @param each every slot has its own words, one slot's after another's */
  load(region: Region, length: number, fraction: number, each: boolean): Fixed {
    const vector: VirtualVector = { kind: 'vector', length };
    this.emit({
      name: 'ldv',
      fields: { addr: region.address, len: length, each: Number(each) },
      reads: {},
      writes: { y: vector },
    });
    return { kind: 'fixed', vector, fraction, reduced: new Map(), maker: undefined };
  }

  /** @param each stores every slot's words, one slot's after another's, not only the last slot's */
  store(region: Region, value: Fixed, { offset = 0, each }: { offset?: number; each: boolean }): void {
    const { vector } = value;
    const fields = { addr: region.address + offset, len: vector.length, each: Number(each) };
    this.emit({ name: 'sv', fields, reads: { y: vector }, writes: {} });
  }

  /** A vector of the checkpoint, kept as int16, with `constantFraction` bits when loaded. */
  constantVector(name: string, values: ArrayLike<number>): Fixed {
    const length = values.length;
    let largest = 0;
    for (let i = 0; i < length; i++) largest = Math.max(largest, Math.abs(values[i]!));
    const table = { rows: 1, width: length, largest, row: () => values };
    const { region, fraction } = this.narrowTable(name, table, constantFraction);
    const vector: VirtualVector = { kind: 'vector', length };
    const fields = { addr: region.address, len: length, left: constantFraction - fraction };
    this.emit({ name: 'ldh', fields, reads: {}, writes: { y: vector } });
    return { kind: 'fixed', vector, fraction: constantFraction, reduced: new Map(), maker: undefined };
  }

  /** Places rows of int16, each from a beat's beginning, with as many fraction bits as they can have. */
  narrowTable(name: string, { rows, width, largest, row }: Table, maxFraction: number) {
    const fraction = int16Fraction(largest, maxFraction);
    if (fraction === undefined) {
      throw new InputError(
        `${name}: found a value of ${largest}, expected at most ${2 ** (31 - maxFraction)} (int16 with ${maxFraction - 16} fraction bits)`,
      );
    }
    const beats = Math.ceil(width / (2 * this.lanes));
    const rowBytes = beats * bytesOfBeat(this);
    const region = this.layout.place(name, rows * beats, (bytes) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (let r = 0; r < rows; r++) {
        const values = row(r);
        for (let i = 0; i < width; i++) {
          view.setInt16(r * rowBytes + 2 * i, Math.round(values[i]! * 2 ** fraction), true);
        }
      }
    });
    return { region, fraction };
  }

  /** A product of quantised activations; `to` makes its sums a vector, `arg` lets them compete for `ARG`. */
  product(
    q: VirtualBank,
    matrix: Matrix,
    options: {
      readonly to: boolean;
      readonly arg?: boolean;
      readonly first?: boolean;
      after?: VirtualInstruction[];
    },
  ): { readonly vector: VirtualVector; readonly instruction: VirtualInstruction } {
    const vector: VirtualVector = { kind: 'vector', length: matrix.rows };
    const { to, arg = false, first = false, after = [] } = options;
    const instruction = this.emit({
      name: 'tmv',
      fields: {
        ...{ rows: matrix.rows, cols: matrix.columns },
        ...{ wr: to ? 1 : 0, arg: arg ? 1 : 0, first: first ? 1 : 0 },
      },
      reads: { q },
      writes: to ? { to: vector } : {},
      after,
      matrix,
    });
    return { vector, instruction };
  }
}
