import { cost, type Op, type Tensors } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import { expectShape, rowsOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { tokenScoresReference } from './reference.ts';

/** Numbers that `tokenScores` returns for each token. */
export const numbersPerToken = 3;

/**
 * Log-probabilities of tokens: logits [.., vocabulary] and labels [..] i32 in [0, vocabulary), which the caller that
 * writes them checks, → [rows, 3]. The first two numbers add up to the natural logarithm of the label's probability: an
 * engine that computes in float64 puts the digits that the first one lacks into the second; for others it is 0. The
 * third is 1 if greedy decoding would choose the label (of equal logits it takes the first), else 0. For inference only.
 */
export function tokenScores(logits: Tensor, labels: Tensor): Tensor {
  expectShape('tokenScores', 'labels', labels, logits.shape.slice(0, -1));
  return emit(tokenScoresOp, { logits, labels }).scores;
}

export const tokenScoresOp: Op<Tensors<'logits' | 'labels'>, Tensors<'scores'>> = {
  name: 'tokenScores',
  outputs: ({ logits }) => ({ scores: { shape: [rowsOf(logits), numbersPerToken] } }),
  cost: (call) => {
    const { size } = call.inputs.logits;
    return cost(call, { additions: 2 * size, special: size });
  },
  reference({ inputs: { logits, labels }, outputs: { scores } }, data) {
    tokenScoresReference(data(logits), data(labels), data(scores));
  },
};
