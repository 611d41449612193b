import { cost, type Op, type Tensors } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import { expectShape, rowsOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { countLabels, crossEntropyBackwardReference, crossEntropyReference } from './reference.ts';

export interface Attributes {
  readonly weight: number;
}

/**
 * Mean next-token loss in nats, as a scalar [1]: logits [.., vocabulary] against labels [..] i32. Rows with a negative
 * label are ignored. `weight` scales the loss, for gradients accumulated over several batches. If logits are a part of
 * the rows, `counted` are the labels of all rows: the parts' losses then sum to the mean over all.
 */
export function crossEntropy(logits: Tensor, labels: Tensor, weight = 1, counted = labels): Tensor {
  expectShape('crossEntropy', 'labels', labels, logits.shape.slice(0, -1));
  return emit(crossEntropyOp, { logits, labels, counted }, { weight }).loss;
}

export const crossEntropyOp: Op<
  Tensors<'logits' | 'labels' | 'counted'>,
  Tensors<'loss' | 'logSums'>,
  Attributes
> = {
  name: 'crossEntropy',
  outputs: ({ logits }) => ({ loss: { shape: [1] }, logSums: { shape: [rowsOf(logits)] } }),
  cost: (call) => {
    const n = call.inputs.logits.size;
    return cost(call, { additions: 2 * n, special: n });
  },
  reference({ inputs: { logits, labels, counted }, outputs: { loss, logSums }, attributes }, data) {
    const weight = attributes.weight / countLabels(data(counted));
    data(loss)[0] = crossEntropyReference(data(logits), data(labels), weight);
    data(logSums).fill(0); // the reference recomputes them
  },
  backward({ inputs, outputs: { loss, logSums }, attributes }, gradients) {
    const { logits } = inputs;
    if (!gradients.wants(logits)) return;
    const read = { ...inputs, logSums, dLoss: gradients.required(loss) };
    gradients.add(logits, emit(crossEntropyBackwardOp, read, attributes).dLogits);
  },
};

export const crossEntropyBackwardOp: Op<
  Tensors<'logits' | 'labels' | 'logSums' | 'dLoss' | 'counted'>,
  Tensors<'dLogits'>,
  Attributes
> = {
  name: 'crossEntropyBackward',
  inPlace: { dLogits: 'logits' },
  outputs: ({ logits }) => ({ dLogits: { shape: logits.shape } }),
  cost: (call) => {
    const n = call.inputs.logits.size;
    return cost(call, { additions: n, multiplications: n, special: n });
  },
  reference({ inputs: { logits, labels, dLoss, counted }, outputs: { dLogits }, attributes }, data) {
    const [slope = 0] = data(dLoss);
    const scale = (slope * attributes.weight) / countLabels(data(counted));
    crossEntropyBackwardReference(data(logits), data(labels), scale, data(dLogits));
  },
};
