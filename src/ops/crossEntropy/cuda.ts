import type { Launch } from '../../kernels/cuda/launch.ts';
import { onCuda } from '../../kernels/cuda/lowering.ts';
import { eachColumn, eachRow, overRows } from '../../kernels/cuda/shapes.ts';
import { scratch } from '../../kernels/scratch.ts';
import type { CallOf } from '../../program/op.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import { crossEntropyBackwardOp, crossEntropyOp } from './crossEntropy.ts';

/** Rows that have a label among all that the mean is over, counted by a block. */
const labelled = `
    int labels_ = 0;
    for (unsigned n = threadIdx.x; n < labelled; n += blockDim.x) labels_ += counted[n] >= 0;
    const int count = blockSum(labels_);`;

/** The maximum and the sum of exponentials of a row in one reading: a larger entry scales the sum down. */
const logSumExp = `
    float top = -INFINITY_F, sum = 0.f;
    ${eachColumn(`const float x = logits[i];
      if (x > top) { sum *= expf(top - x); top = x; }
      sum += expf(x - top);`)}
    const float largest = blockMax(top);
    const float logSum = largest + logf(blockSum(top == -INFINITY_F ? 0.f : sum * expf(top - largest)));`;

const functions = `
#define INFINITY_F __int_as_float(0x7f800000)
`;

/** log Σ exp of each row to logSums [rows], each row's loss to losses [rows], their mean to loss [1]. */
function crossEntropyForward({ inputs, outputs, attributes }: CallOf<typeof crossEntropyOp>): Launch[] {
  const { logits, labels, counted } = inputs;
  const { loss, logSums } = outputs;
  const [rows, width] = [rowsOf(logits), widthOf(logits)];
  const losses = scratch('losses', [rows]);
  return [
    {
      ...{ kernel: 'crossEntropyRows', functions },
      body: eachRow(`${logSumExp}
    if (lane == 0) {
      logSums[row] = logSum;
      const int label = labels[row];
      losses[row] = label < 0 ? 0.f : logSum - logits[row * width + min((unsigned)label, width - 1)];
    }`),
      tensors: { logits, labels, logSums, losses },
      numbers: { rows, width },
      ...overRows(rows, width, 16),
    },
    {
      kernel: 'crossEntropyMean',
      body: `
    float sum = 0.f;
    for (unsigned n = threadIdx.x; n < rows; n += blockDim.x) sum += losses[n];
    const float total = blockSum(sum);
    ${labelled}
    if (threadIdx.x == 0) loss[0] = count > 0 ? total * weight / count : 0.f;`,
      tensors: { losses, counted, loss },
      numbers: { rows, labelled: counted.size, weight: { f32: attributes.weight } },
      ...overRows(1, Math.max(rows, counted.size)),
    },
  ];
}

/** dLogits = dLoss · weight · (softmax − onehot(label)) / count; dLogits may be the memory of logits */
function crossEntropyBackward(call: CallOf<typeof crossEntropyBackwardOp>): Launch[] {
  const { logits, counted } = call.inputs;
  const [rows, width] = [rowsOf(logits), widthOf(logits)];
  const scale = scratch('scale', [1]);
  return [
    {
      kernel: 'crossEntropyScale',
      body: `${labelled}
    if (threadIdx.x == 0) scale[0] = dLoss[0] * weight / max(count, 1);`,
      tensors: { counted, dLoss: call.inputs.dLoss, scale },
      numbers: { labelled: counted.size, weight: { f32: call.attributes.weight } },
      ...overRows(1, counted.size),
    },
    {
      kernel: 'crossEntropyBackward',
      body: eachRow(`
    const int label = labels[row];
    const float factor = label < 0 ? 0.f : scale[0], logSum = logSums[row];
    ${eachColumn('dLogits[i] = (expf(logits[i] - logSum) - ((int)c == label ? 1.f : 0.f)) * factor;')}`),
      tensors: {
        ...{ logits, labels: call.inputs.labels, logSums: call.inputs.logSums, scale },
        dLogits: call.outputs.dLogits,
      },
      numbers: { rows, width },
      ...overRows(rows, width, 16),
    },
  ];
}

export const crossEntropyOnCuda = [
  onCuda(crossEntropyOp, crossEntropyForward),
  onCuda(crossEntropyBackwardOp, crossEntropyBackward),
];
