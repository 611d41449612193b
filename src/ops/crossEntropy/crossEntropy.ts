import { cost, type Op } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import { expectShape, rowsOf, widthOf } from '../shapes.ts';
import { crossEntropyBackward, crossEntropyForward } from './kernel.wgsl.ts';
import { countLabels, crossEntropyBackwardReference, crossEntropyReference } from './reference.ts';

interface Attributes {
  readonly weight: number;
}

/**
 * Mean next-token loss in nats, as a scalar [1]: logits [.., vocabulary] against labels [..] i32. Rows with a
 * negative label are ignored. `weight` scales the loss, for gradients accumulated over several batches. Of a part of
 * the rows, `counted` are the labels of all of them: the parts' losses then add up to the mean over all.
 */
export function crossEntropy(logits: Tensor, labels: Tensor, weight = 1, counted = labels): Tensor {
  expectShape('crossEntropy', 'labels', labels, logits.shape.slice(0, -1));
  return emit(crossEntropyOp, {
    inputs: [logits, labels, counted],
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
  reference({ inputs: [logits, labels, counted], outputs: [loss, logSums], attributes }, data) {
    const weight = attributes.weight / countLabels(data(counted!));
    data(loss!)[0] = crossEntropyReference(data(logits!), data(labels!), weight);
    data(logSums!).fill(0); // the reference computes them again
  },
  cpu({ inputs: [logits, labels, counted], outputs: [loss, logSums], scratch: [losses], attributes }) {
    const rows = rowsOf(logits!);
    const weight = { f32: attributes.weight };
    return [
      { kernel: 'crossEntropyRows', args: [logits, labels, logSums, losses, rows, widthOf(logits!)] },
      { kernel: 'crossEntropyMean', args: [losses, counted, loss, rows, counted!.size, weight] },
    ];
  },
  webgpu({ inputs: [logits, labels, counted], outputs: [loss, logSums], scratch: [losses], attributes }) {
    const rows = { logits: logits!, labels: labels!, logSums: logSums!, losses: losses! };
    return crossEntropyForward({ ...rows, counted: counted!, loss: loss! }, attributes.weight);
  },
  backward({ inputs: [logits, labels, counted], outputs: [loss, logSums], attributes }, gradients) {
    if (!gradients.wants(logits)) return;
    const dLogits = emit(crossEntropyBackwardOp, {
      inputs: [logits, labels, logSums, gradients.of(loss!), counted],
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
  reference({ inputs: [logits, labels, , dLoss, counted], outputs: [dLogits], attributes }, data) {
    const scale = (data(dLoss!)[0]! * attributes.weight) / countLabels(data(counted!));
    crossEntropyBackwardReference(data(logits!), data(labels!), scale, data(dLogits!));
  },
  cpu({ inputs: [logits, labels, logSums, dLoss, counted], outputs: [dLogits], attributes }) {
    const sizes = [rowsOf(logits!), widthOf(logits!), counted!.size];
    const args = [logits, labels, logSums, dLoss, counted, dLogits, ...sizes, { f32: attributes.weight }];
    return [{ kernel: 'crossEntropyBackward', args }];
  },
  webgpu({ inputs: [logits, labels, logSums, dLoss, counted], outputs: [dLogits], attributes }) {
    const given = { logits: logits!, labels: labels!, logSums: logSums!, dLoss: dLoss!, counted: counted! };
    return [crossEntropyBackward({ ...given, dLogits: dLogits! }, attributes.weight)];
  },
};
