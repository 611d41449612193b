import { cost, type Op } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import { expectShape, rowsOf, widthOf } from '../shapes.ts';
import { crossEntropyBackward, crossEntropyForward } from './kernel.wgsl.ts';
import { crossEntropyBackwardReference, crossEntropyReference } from './reference.ts';

interface Attributes {
  readonly weight: number;
}

/**
 * Mean next-token loss in nats, as a scalar [1]: logits [.., vocabulary] against labels [..] i32. Rows with a
 * negative label are ignored. `weight` scales the loss, for gradients accumulated over several batches.
 */
export function crossEntropy(logits: Tensor, labels: Tensor, weight = 1): Tensor {
  expectShape('crossEntropy', 'labels', labels, logits.shape.slice(0, -1));
  return emit(crossEntropyOp, {
    inputs: [logits, labels],
    outputs: [
      { name: 'loss', shape: [1] },
      { name: 'logSums', shape: [rowsOf(logits)] },
    ],
    scratch: [{ name: 'losses', shape: [rowsOf(logits)] }],
    attributes: { weight },
  })[0]!;
}

export const crossEntropyOp: Op<Attributes> = {
  name: 'crossEntropy',
  cost: (call) => cost(call, { additions: 2 * call.inputs[0]!.size, special: call.inputs[0]!.size }),
  reference({ inputs: [logits, labels], outputs: [loss, logSums], attributes }, data) {
    data(loss!)[0] = crossEntropyReference(data(logits!), data(labels!), attributes.weight);
    data(logSums!).fill(0); // the reference computes them again
  },
  cpu({ inputs: [logits, labels], outputs: [loss, logSums], scratch: [losses], attributes }) {
    const rows = rowsOf(logits!);
    return [
      { kernel: 'crossEntropyRows', args: [logits, labels, logSums, losses, rows, widthOf(logits!)] },
      { kernel: 'crossEntropyMean', args: [losses, labels, loss, rows, { f32: attributes.weight }] },
    ];
  },
  webgpu({ inputs: [logits, labels], outputs: [loss, logSums], scratch: [losses], attributes }) {
    const rows = { logits: logits!, labels: labels!, logSums: logSums!, losses: losses! };
    return crossEntropyForward({ ...rows, loss: loss! }, attributes.weight);
  },
  backward({ inputs: [logits, labels], outputs: [loss, logSums], attributes }, gradients) {
    if (!gradients.wants(logits)) return;
    const dLogits = emit(crossEntropyBackwardOp, {
      inputs: [logits, labels, logSums, gradients.of(loss!)],
      outputs: [{ name: 'dLogits', shape: logits.shape }],
      attributes,
    });
    gradients.add(logits, dLogits[0]!);
  },
};

const crossEntropyBackwardOp: Op<Attributes> = {
  name: 'crossEntropyBackward',
  inPlace: [[0, 0]],
  cost: (call) => {
    const n = call.inputs[0]!.size;
    return cost(call, { additions: n, multiplications: n, special: n });
  },
  reference({ inputs: [logits, labels, , dLoss], outputs: [dLogits], attributes }, data) {
    const scale = data(dLoss!)[0]!;
    crossEntropyBackwardReference(data(logits!), data(labels!), attributes.weight, scale, data(dLogits!));
  },
  cpu({ inputs: [logits, labels, logSums, dLoss], outputs: [dLogits], attributes }) {
    const sizes = [rowsOf(logits!), widthOf(logits!)];
    const args = [logits, labels, logSums, dLoss, dLogits, ...sizes, { f32: attributes.weight }];
    return [{ kernel: 'crossEntropyBackward', args }];
  },
  webgpu({ inputs: [logits, labels, logSums, dLoss], outputs: [dLogits], attributes }) {
    const given = { logits: logits!, labels: labels!, logSums: logSums!, dLoss: dLoss! };
    return [crossEntropyBackward({ ...given, dLogits: dLogits! }, attributes.weight)];
  },
};
