import { cost, type Op } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import { expectShape, sequenceSizes } from '../shapes.ts';
import { attentionBackward } from './backward.wgsl.ts';
import { attentionForward } from './kernel.wgsl.ts';
import { type AttentionSizes, attentionBackwardReference, attentionReference } from './reference.ts';
import * as onTensorCores from './tensorCores.wgsl.ts';
import { attentionBackward as attentionBackwardOnTensorCores } from './tensorCoresBackward.wgsl.ts';

interface Attributes {
  readonly headSize: number;
}

/**
 * Causal attention: q [batch, length, heads · size] over k and v [batch, capacity, keyHeads · size]; heads of
 * queries share keys and values in groups of heads / keyHeads. Query t sees the keys 0 … t, or, where k and v are a
 * cache, 0 … first + t, with `first` [1] i32 the number of tokens before these (then first + length ≤ capacity).
 * Scores are never stored: they are met a tile at a time, and again in the backward pass.
 */
export function attention(
  { q, k, v }: { readonly q: Tensor; readonly k: Tensor; readonly v: Tensor },
  headSize: number,
  first?: Tensor,
): Tensor {
  const { batch, length, capacity, heads, keyHeads } = sizesOf(q, k, headSize);
  if (headSize % 4 || q.shape[2]! % headSize || k.shape[2]! % headSize || heads % keyHeads) {
    throw new Error(
      `attention: expected heads of a multiple of 4 in whole groups, found ${q}, ${k}, ${headSize}`,
    );
  }
  if (!first && capacity !== length)
    throw new Error(`attention: expected as many keys as queries, found ${q}, ${k}`);
  expectShape('attention', 'k', k, [batch, capacity, k.shape[2]!]);
  expectShape('attention', 'v', v, k.shape);
  return emit(attentionOp, {
    inputs: [q, k, v, first],
    outputs: [
      { name: 'y', shape: q.shape },
      { name: 'logSumExp', shape: [batch, length, heads] },
    ],
    attributes: { headSize },
  })[0]!;
}

export const attentionOp: Op<Attributes> = {
  name: 'attention',
  // Of a cache, which knows its length only while it runs, all that there is room for is counted.
  cost: (call) => {
    const { pairs, size } = work(call.inputs, call.attributes);
    const products = 2 * pairs * size;
    return cost(call, {
      additions: products + 2 * pairs,
      multiplications: pairs,
      productMultiplications: products,
      special: pairs,
    });
  },
  reference({ inputs: [q, k, v, first], outputs: [y, logSumExp], attributes }, data) {
    attentionReference(
      { q: data(q!), k: data(k!), v: data(v!) },
      sizesOf(q!, k!, attributes.headSize),
      first ? data(first)[0]! : 0,
      { y: data(y!), logSumExp: data(logSumExp!) },
    );
  },
  cpu({ inputs: [q, k, v, first], outputs: [y, logSumExp], attributes }) {
    const numbers = Object.values(sizesOf(q!, k!, attributes.headSize));
    return [{ kernel: 'attentionForward', args: [q, k, v, first, y, logSumExp, ...numbers] }];
  },
  webgpu({ inputs: [q, k, v, first], outputs: [y, logSumExp], attributes }, features) {
    const tensors = { q: q!, k: k!, v: v!, y: y!, logSumExp: logSumExp! };
    const sizes = sizesOf(q!, k!, attributes.headSize);
    const forward = onTensorCores.suits(sizes, features) ? onTensorCores.attentionForward : attentionForward;
    return [forward(tensors, first, sizes)];
  },
  backward({ inputs: [q, k, v, first], outputs: [y, logSumExp], attributes }, gradients) {
    if (first)
      throw new Error('attention: a cache has no backward pass; attend to the whole sequence at once');
    const [dq, dk, dv] = emit(attentionBackwardOp, {
      inputs: [q, k, v, y, logSumExp, gradients.of(y!)],
      outputs: [
        { name: 'dq', shape: q!.shape },
        { name: 'dk', shape: k!.shape },
        { name: 'dv', shape: v!.shape },
      ],
      scratch: [{ name: 'delta', shape: logSumExp!.shape }],
      attributes,
    });
    if (gradients.wants(q)) gradients.add(q, dq!);
    if (gradients.wants(k)) gradients.add(k, dk!);
    if (gradients.wants(v)) gradients.add(v, dv!);
  },
};

const attentionBackwardOp: Op<Attributes> = {
  name: 'attentionBackward',
  cost: (call) => {
    const { pairs, size } = work(call.inputs, call.attributes);
    const products = 5 * pairs * size;
    return cost(call, {
      additions: products + pairs,
      multiplications: 3 * pairs,
      productMultiplications: products,
      special: pairs,
    });
  },
  reference({ inputs: [q, k, v, y, logSumExp, dy], outputs: [dq, dk, dv], attributes }, data) {
    const given = { q: data(q!), k: data(k!), v: data(v!), y: data(y!), logSumExp: data(logSumExp!) };
    attentionBackwardReference({ ...given, dy: data(dy!) }, sizesOf(q!, k!, attributes.headSize), {
      dq: data(dq!),
      dk: data(dk!),
      dv: data(dv!),
    });
  },
  cpu({ inputs: [q, k, v, y, logSumExp, dy], outputs: [dq, dk, dv], attributes }) {
    const numbers = Object.values(sizesOf(q!, k!, attributes.headSize));
    return [{ kernel: 'attentionBackward', args: [q, k, v, y, logSumExp, dy, dq, dk, dv, ...numbers] }];
  },
  webgpu(
    { inputs: [q, k, v, y, logSumExp, dy], outputs: [dq, dk, dv], scratch: [delta], attributes },
    features,
  ) {
    const tensors = {
      ...{ q: q!, k: k!, v: v!, y: y!, logSumExp: logSumExp!, dy: dy! },
      ...{ dq: dq!, dk: dk!, dv: dv!, delta: delta! },
    };
    const sizes = sizesOf(q!, k!, attributes.headSize);
    return onTensorCores.suits(sizes, features)
      ? attentionBackwardOnTensorCores(tensors, sizes)
      : attentionBackward(tensors, sizes);
  },
};

/** In the order in which the kernels take them. */
function sizesOf(q: Tensor, k: Tensor, headSize: number): AttentionSizes {
  const { batch, length, width } = sequenceSizes('attention', q);
  const { length: capacity, width: keyWidth } = sequenceSizes('attention', k);
  return { batch, length, capacity, heads: width / headSize, keyHeads: keyWidth / headSize, headSize };
}

/** Pairs of a query and a key that it sees, over all heads. */
function work([q, k, , first]: readonly (Tensor | undefined)[], { headSize }: Attributes) {
  const { batch, length, capacity, heads } = sizesOf(q!, k!, headSize);
  const seen = first?.dtype === 'i32' ? length * capacity : (length * (length + 1)) / 2;
  return { pairs: batch * heads * seen, size: headSize };
}
