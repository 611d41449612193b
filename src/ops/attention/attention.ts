import { cost, type Op, type Tensors } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import { expectShape, sequenceSizes, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { type AttentionSizes, attentionBackwardReference, attentionReference } from './reference.ts';

interface Attributes {
  readonly headSize: number;
}

/**
 * Causal attention of whole sequences: q [batch, length, heads · size] over k and v [batch, length, keyHeads · size].
 * Groups of heads / keyHeads query heads share keys and values. Query t sees the keys 0 … t. Scores are computed tile by
 * tile, never stored, and recomputed in the backward pass. Sequences that continue have `pagedAttention`.
 */
export function attention(
  { q, k, v }: { readonly q: Tensor; readonly k: Tensor; readonly v: Tensor },
  headSize: number,
): Tensor {
  const { batch, length, heads, keyHeads } = attentionSizes(q, k, headSize);
  if (headSize % 4 || widthOf(q) % headSize || widthOf(k) % headSize || heads % keyHeads) {
    throw new Error(
      `attention: expected a head size that is a multiple of 4 and whole groups of heads, found ${q}, ${k}, ${headSize}`,
    );
  }
  expectShape('attention', 'k', k, [batch, length, widthOf(k)]);
  expectShape('attention', 'v', v, k.shape);
  return emit(attentionOp, { q, k, v }, { headSize }).y;
}

export const attentionOp: Op<Tensors<'q' | 'k' | 'v'>, Tensors<'y' | 'logSumExp'>, Attributes> = {
  name: 'attention',
  outputs: ({ q, k }, { headSize }) => {
    const { batch, length, heads } = attentionSizes(q, k, headSize);
    return { y: { shape: q.shape }, logSumExp: { shape: [batch, length, heads] } };
  },
  cost: (call) => {
    const { q, k } = call.inputs;
    const { pairs, size } = work(q, k, call.attributes);
    const products = 2 * pairs * size;
    return cost(call, {
      additions: products + 2 * pairs,
      multiplications: pairs,
      productMultiplications: products,
      special: pairs,
    });
  },
  reference({ inputs: { q, k, v }, outputs: { y, logSumExp }, attributes }, data) {
    attentionReference({ q: data(q), k: data(k), v: data(v) }, attentionSizes(q, k, attributes.headSize), {
      y: data(y),
      logSumExp: data(logSumExp),
    });
  },
  backward({ inputs: { q, k, v }, outputs: { y, logSumExp }, attributes }, gradients) {
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
    const { pairs, size } = work(q, k, call.attributes);
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
  return { batch, length, heads: width / headSize, keyHeads: widthOf(k) / headSize, headSize };
}

/** Pairs of a query and a key that it sees, over all heads. */
function work(q: Tensor, k: Tensor, { headSize }: Attributes) {
  const { batch, length, heads } = attentionSizes(q, k, headSize);
  return { pairs: (batch * heads * length * (length + 1)) / 2, size: headSize };
}
