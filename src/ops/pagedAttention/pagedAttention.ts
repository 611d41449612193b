import { cost, type Op, type Tensors } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import { expectShape, rowsOf, sizeOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { checkPaging, type Paging, pageSize, pageTypeOf, poolHeads } from '../pages.ts';
import { type PagedSizes, pagedAttentionReference } from './reference.ts';

interface Attributes {
  readonly headSize: number;
}

/**
 * Causal attention of rows of many sequences: q [1, rows, heads · size]; keys and values in pools [pages, pageSize, …] of
 * f32, f16 or i8. A row at position p of its sequence sees the keys 0 … p of that sequence, its own
 * among them. Heads of queries share keys and values in groups, as in `attention`. Inference only.
 */
export function pagedAttention(
  { q, k, v }: { readonly q: Tensor; readonly k: Tensor; readonly v: Tensor },
  headSize: number,
  paging: Paging,
): Tensor {
  checkPaging('pagedAttention', q, k, paging);
  expectShape('pagedAttention', 'v', v, k.shape);
  if (v.dtype !== k.dtype)
    throw new Error(`pagedAttention: expected keys and values of one type, found ${k}, ${v}`);
  const [heads, keyHeads] = [widthOf(q) / headSize, poolHeads(k, headSize)];
  if (headSize % 4 || !Number.isInteger(heads) || !Number.isInteger(keyHeads) || heads % keyHeads) {
    throw new Error(
      `pagedAttention: expected heads of a multiple of 4 in whole groups, found ${q}, ${k}, ${headSize}`,
    );
  }
  return emit(pagedAttentionOp, { q, k, v, ...paging }, { headSize }).y;
}

export const pagedAttentionOp: Op<Tensors<'q' | 'k' | 'v' | keyof Paging>, Tensors<'y'>, Attributes> = {
  name: 'pagedAttention',
  outputs: ({ q }) => ({ y: { shape: q.shape } }),
  // Positions are known only while it runs. Counted are tables that are full, with the rows at their ends; the keys of a
  // sequence are read once, whatever the number of its rows.
  cost: (call) => {
    const { q, k, pages } = call.inputs;
    const { headSize } = call.attributes;
    const [sequences, keys] = [Math.min(rowsOf(q), sizeOf(pages, 0)), sizeOf(pages, 1) * pageSize];
    const pairs = (q.size / headSize) * (keys - (rowsOf(q) / sequences - 1) / 2);
    const products = 2 * pairs * headSize;
    const counts = {
      additions: products + 2 * pairs,
      multiplications: pairs,
      productMultiplications: products,
      special: pairs,
    };
    return cost(call, counts, q.bytes + (2 * sequences * keys * k.bytes) / (sizeOf(k, 0) * pageSize));
  },
  reference({ inputs: { q, k, v, slots, positions, pages }, outputs: { y }, attributes }, data) {
    const paging = { slots: data(slots), positions: data(positions), pages: data(pages) };
    const sizes = pagedSizes(q, k, pages, attributes.headSize);
    const type = pageTypeOf(k);
    pagedAttentionReference({ q: data(q), k: data(k), v: data(v) }, paging, { type, ...sizes }, data(y));
  },
};

export function pagedSizes(q: Tensor, k: Tensor, pages: Tensor, headSize: number): PagedSizes {
  return {
    rows: rowsOf(q),
    heads: widthOf(q) / headSize,
    keyHeads: poolHeads(k, headSize),
    headSize,
    maxPages: sizeOf(pages, 1),
  };
}
