import { cost, type Op, type Tensors } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import { expectShape, sequenceSizes, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { type AttentionSizes, attentionBackwardReference, attentionReference } from './reference.ts';

interface Attributes {
  readonly headSize: number;
}

/**
 * Causal attention: q [batch, length, heads · size] over k and v [batch, capacity, keyHeads · size]. Groups of
 * heads / keyHeads query heads share keys and values. Query t sees the keys 0 … t; if k and v are a cache, it sees
 * 0 … first + t, where `first` [1] i32 is the number of tokens before the queries (first + length ≤ capacity). Scores are
 * computed tile by tile, never stored, and recomputed in the backward pass.
 */
export function attention(
  { q, k, v }: { readonly q: Tensor; readonly k: Tensor; readonly v: Tensor },
  headSize: number,
  first?: Tensor,
): Tensor {
  const { batch, length, capacity, heads, keyHeads } = attentionSizes(q, k, headSize);
  if (headSize % 4 || widthOf(q) % headSize || widthOf(k) % headSize || heads % keyHeads) {
    throw new Error(
      `attention: expected a head size that is a multiple of 4 and whole groups of heads, found ${q}, ${k}, ${headSize}`,
    );
  }
  if (!first && capacity !== length)
    throw new Error(`attention: expected as many keys as queries, found ${q}, ${k}`);
  expectShape('attention', 'k', k, [batch, capacity, widthOf(k)]);
  expectShape('attention', 'v', v, k.shape);
  return emit(attentionOp, { q, k, v, first }, { headSize }).y;
}

export const attentionOp: Op<Tensors<'q' | 'k' | 'v', 'first'>, Tensors<'y' | 'logSumExp'>, Attributes> = {
  name: 'attention',
  outputs: ({ q, k }, { headSize }) => {
    const { batch, length, heads } = attentionSizes(q, k, headSize);
    return { y: { shape: q.shape }, logSumExp: { shape: [batch, length, heads] } };
  },
  // The length of a cache is known only at run time, so its whole capacity is counted.
  cost: (call) => {
    const { q, k, first } = call.inputs;
    const { pairs, size } = work(q, k, first, call.attributes);
    const products = 2 * pairs * size;
    return cost(call, {
      additions: products + 2 * pairs,
      multiplications: pairs,
      productMultiplications: products,
      special: pairs,
    });
  },
  reference({ inputs: { q, k, v, first }, outputs: { y, logSumExp }, attributes }, data) {
    const [before = 0] = first ? data(first) : [];
    attentionReference(
      { q: data(q), k: data(k), v: data(v) },
      attentionSizes(q, k, attributes.headSize),
      before,
      { y: data(y), logSumExp: data(logSumExp) },
    );
  },
  backward({ inputs: { q, k, v, first }, outputs: { y, logSumExp }, attributes }, gradients) {
    if (first)
      throw new Error('attention: a cache has no backward pass; attend to the whole sequence at once');
    const read = { q, k, v, y, logSumExp, dy: gradients.required(y) };
    const { dq, dk, dv } = emit(attentionBackwardOp, read, attributes);
    if (gradients.wants(q)) gradients.add(q, dq);
    if (gradients.wants(k)) gradients.add(k, dk);
    if (gradients.wants(v)) gradients.add(v, dv);
  },
};

export const attentionBackwardOp: Op<
  Tensors<'q' | 'k' | 'v' | 'y' | 'logSumExp' | 'dy'>,
  Tensors<'dq' | 'dk' | 'dv'>,
  Attributes
> = {
  name: 'attentionBackward',
  outputs: ({ q, k, v }) => ({
    ...{ dq: { shape: q.shape }, dk: { shape: k.shape }, dv: { shape: v.shape } },
  }),
  cost: (call) => {
    const { q, k } = call.inputs;
    const { pairs, size } = work(q, k, undefined, call.attributes);
    const products = 5 * pairs * size;
    return cost(call, {
      additions: products + pairs,
      multiplications: 3 * pairs,
      productMultiplications: products,
      special: pairs,
    });
  },
  reference({ inputs, outputs: { dq, dk, dv }, attributes: { headSize } }, data) {
    const { q, k, v, y, logSumExp, dy } = inputs;
    attentionBackwardReference(
      { q: data(q), k: data(k), v: data(v), y: data(y), logSumExp: data(logSumExp), dy: data(dy) },
      attentionSizes(q, k, headSize),
      { dq: data(dq), dk: data(dk), dv: data(dv) },
    );
  },
};

export function attentionSizes(q: Tensor, k: Tensor, headSize: number): AttentionSizes {
  const { batch, length, width } = sequenceSizes('attention', q);
  const { length: capacity, width: keyWidth } = sequenceSizes('attention', k);
  return { batch, length, capacity, heads: width / headSize, keyHeads: keyWidth / headSize, headSize };
}

/** Pairs of a query and a key that it sees, over all heads. */
function work(q: Tensor, k: Tensor, first: Tensor | undefined, { headSize }: Attributes) {
  const { batch, length, capacity, heads } = attentionSizes(q, k, headSize);
  const seen = first ? length * capacity : (length * (length + 1)) / 2;
  return { pairs: batch * heads * seen, size: headSize };
}
