import { cost, type Op } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import { expectShape, rowsOf, widthOf } from '../shapes.ts';
import { tokenScoresForward } from './kernel.wgsl.ts';
import { tokenScoresReference } from './reference.ts';

/** Numbers that `tokenScores` tells of each token. */
export const numbersPerToken = 3;

/**
 * How probable tokens are: logits [.., vocabulary] and labels [..] i32 in [0, vocabulary), which whoever writes them
 * checks, → [rows, 3]. The first two numbers add up to the natural logarithm of the label's probability: an engine
 * that computes in float64 tells by the second what the first one's seven digits lack; for others it is 0. The third
 * is 1 if greedy decoding would choose the label (of equals it takes the first), else 0. For inference only.
 */
export function tokenScores(logits: Tensor, labels: Tensor): Tensor {
  expectShape('tokenScores', 'labels', labels, logits.shape.slice(0, -1));
  const outputs = [{ name: 'scores', shape: [rowsOf(logits), numbersPerToken] }];
  return emit(tokenScoresOp, { inputs: [logits, labels], outputs, attributes: undefined })[0]!;
}

export const tokenScoresOp: Op = {
  name: 'tokenScores',
  cost: (call) => cost(call, { additions: 2 * call.inputs[0]!.size, special: call.inputs[0]!.size }),
  reference({ inputs: [logits, labels], outputs: [scores] }, data) {
    tokenScoresReference(data(logits!), data(labels!), data(scores!));
  },
  cpu({ inputs: [logits, labels], outputs: [scores] }) {
    const args = [logits, labels, scores, rowsOf(logits!), widthOf(logits!)];
    return [{ kernel: 'tokenScoresForward', args }];
  },
  webgpu: ({ inputs: [logits, labels], outputs: [scores] }) => [
    tokenScoresForward(logits!, labels!, scores!),
  ],
};
