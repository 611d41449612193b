import { describe, expect, it } from 'vitest';
import { byColumns, byRows, kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { Tensor } from '../../program/tensor.ts';
import { type PlannedKernel, phasesOf, worthAPiece } from './phases.ts';

const tensor = (name: string) => new Tensor('temporary', 'f32', [16], name);
const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(tensor) as [Tensor, Tensor, Tensor, Tensor];
/** All apart, but for `d`, which lies where `a` does. */
const addresses = new Map([a, b, c].map((one, index) => [one, 64 * index]));
const place = (one: Tensor) => addresses.get(one) ?? 0;

/** A kernel that fills `to` after it has read `from`. */
function kernel(from: Tensor, to: Tensor, pieces: number): PlannedKernel {
  const call = kernelCall('fillForward', { y: to, size: 16, value: 1 });
  return { call, reads: [from], writes: [to], nanoseconds: pieces * worthAPiece };
}

const shape = (kernels: readonly PlannedKernel[], threads: number) =>
  phasesOf(kernels, { threads, pieceWork: worthAPiece }, place).map((phase) =>
    phase.kernels.map(({ pieces }) => pieces),
  );

describe('phasesOf', () => {
  it('joins neighbours that are independent, and shares pieces out by their work', () => {
    expect(shape([kernel(a, b, 30), kernel(a, c, 10)], 4)).toEqual([[12, 4]]);
  });

  it.each([
    ['reads what the first writes', [kernel(a, b, 16), kernel(b, c, 16)]],
    ['writes what the first reads', [kernel(a, b, 16), kernel(c, a, 16)]],
    ['writes what the first writes', [kernel(a, b, 16), kernel(c, b, 16)]],
    ['writes memory that the first reads under another name', [kernel(a, b, 16), kernel(c, d, 16)]],
  ])('parts a kernel that %s', (_, kernels) => {
    expect(shape(kernels, 4)).toEqual([[16], [16]]);
  });

  it('keeps a small kernel whole, in a phase of its own, so that one thread runs on', () => {
    expect(shape([kernel(a, b, 16), kernel(a, c, 1), kernel(a, c, 1)], 4)).toEqual([[16], [1], [1]]);
  });

  it('cuts no more pieces than are worth it, and none for a single thread', () => {
    expect(shape([kernel(a, b, 5)], 16)).toEqual([[5]]);
    expect(shape([kernel(a, b, 1000)], 16)).toEqual([[64]]);
    expect(shape([kernel(a, b, 1000), kernel(a, c, 1000)], 1)).toEqual([[1], [1]]);
  });

  it('gives two threads several pieces each only of much work', () => {
    expect(shape([kernel(a, b, 1)], 2)).toEqual([[1]]);
    expect(shape([kernel(a, b, 79)], 2)).toEqual([[2]]);
    expect(shape([kernel(a, b, 80)], 2)).toEqual([[4]]);
    expect(shape([kernel(a, b, 1000)], 2)).toEqual([[8]]);
  });

  it('cuts a kernel that takes columns of rows into no narrower pieces than cache lines allow', () => {
    const columns = (width: number) => {
      const planned = kernel(a, b, 1000);
      return { ...planned, call: byColumns(planned.call, width) };
    };
    expect(shape([columns(256)], 16)).toEqual([[4]]);
    expect(shape([columns(48)], 16)).toEqual([[1]]);
    expect(shape([columns(256), kernel(a, c, 1000)], 16)).toEqual([[4, 32]]);
  });

  describe('of kernels that take rows', () => {
    const matrix = (name: string, rows: number, width: number) =>
      new Tensor('temporary', 'f32', [rows, width], name);
    const x = matrix('x', 8, 4);
    const y = matrix('y', 8, 4);
    const z = matrix('z', 8, 4);
    const wider = matrix('wider', 8, 8);
    addresses.set(x, 1024).set(y, 2048).set(z, 3072).set(wider, 1024);
    const takesRows = (from: Tensor, to: Tensor, pieces: number) => {
      const planned = kernel(from, to, pieces);
      return { ...planned, call: byRows(planned.call, 8) };
    };
    const phases = (kernels: readonly PlannedKernel[], threads = 4) =>
      phasesOf(kernels, { threads, pieceWork: worthAPiece }, place).map(({ kernels, pieces, together }) => [
        kernels.length,
        pieces,
        together,
      ]);

    it('runs one after the other on a share of the rows, even small ones', () => {
      expect(phases([takesRows(x, y, 1), takesRows(y, z, 1), takesRows(z, y, 1)])).toEqual([[3, 3, true]]);
      expect(phases([takesRows(x, y, 0.5), takesRows(y, z, 0.5)])).toEqual([[2, 1, true]]);
      expect(phases([takesRows(x, y, 100), takesRows(y, z, 100)])).toEqual([[2, 8, true]]);
    });

    it('gives each thread as many shares as the others', () => {
      expect(phases([takesRows(x, y, 1), takesRows(y, z, 2)], 2)).toEqual([[2, 2, true]]);
      expect(phases([takesRows(x, y, 4), takesRows(y, z, 3)], 3)).toEqual([[2, 6, true]]);
    });

    it('prepares the rows of several products before the first of them', () => {
      const prepared = (to: Tensor) => {
        const planned = takesRows(x, to, 2);
        return { ...planned, call: { ...planned.call, prepares: true } };
      };
      const product = (from: Tensor, to: Tensor) => {
        const planned = kernel(from, to, 8);
        return { ...planned, call: { ...planned.call, quarter: 4 } };
      };
      const products = [prepared(y), product(y, a), prepared(z), product(z, b)];
      expect(phases(products)).toEqual([
        [2, 4, true],
        [2, 16, false],
      ]);
      // The second product's rows take the place of the first one's.
      expect(phases([prepared(y), product(y, a), prepared(y), product(y, b)])).toHaveLength(4);
    });

    it('parts those of which one writes rows that other rows of the first are read from', () => {
      expect(phases([takesRows(x, y, 2), takesRows(y, wider, 2)])).toEqual([
        [1, 2, true],
        [1, 2, true],
      ]);
    });

    it('parts a kernel of other rows, or of none, that reads them', () => {
      const other = { ...kernel(y, z, 2), call: byRows(kernel(y, z, 2).call, 4) };
      for (const next of [other, kernel(y, z, 2)])
        expect(phases([takesRows(x, y, 2), next]).map(([count]) => count)).toEqual([1, 1]);
    });

    it('adds nothing to kernels that depend on one another by their rows', () => {
      const chain = [takesRows(x, y, 2), takesRows(y, z, 2)];
      const other = { ...kernel(a, b, 8), call: byRows(kernel(a, b, 8).call, 4) };
      for (const next of [kernel(a, b, 8), kernel(a, b, 1), other])
        expect(phases([...chain, next]).map(([count]) => count)).toEqual([2, 1]);
    });

    it('joins one to products that are independent of it', () => {
      expect(phases([kernel(a, b, 15), takesRows(x, y, 1)])).toEqual([[2, 16, false]]);
    });
  });

  it('lets a kernel follow each piece of products whose quarters it takes, unless it writes what others read', () => {
    const product = (from: Tensor, to: Tensor, quarter: number): PlannedKernel => {
      const planned = kernel(from, to, 16);
      return { ...planned, call: { ...planned.call, quarter } };
    };
    const follower = (from: Tensor, to: Tensor): PlannedKernel => {
      const planned = kernel(from, to, 1);
      return { ...planned, call: { ...planned.call, follower: { quarter: 4, planes: 2 } } };
    };
    const e = tensor('e');
    addresses.set(e, 640);
    const phases = (kernels: readonly PlannedKernel[]) =>
      phasesOf(kernels, { threads: 4, pieceWork: worthAPiece }, place).map(
        ({ kernels, pieces, together }) => [kernels.length, pieces, together],
      );
    expect(phases([product(a, b, 4), product(a, c, 4), follower(b, e)])).toEqual([[3, 16, true]]);
    expect(phases([product(a, b, 4), follower(b, a)])).toEqual([
      [1, 16, false],
      [1, 1, false],
    ]);
    expect(phases([product(a, b, 8), follower(b, e)])).toEqual([
      [1, 16, false],
      [1, 1, false],
    ]);
  });
});
