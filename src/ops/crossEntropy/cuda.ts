import type { Launch } from '../../kernels/cuda/launch.ts';
import { onCuda } from '../../kernels/cuda/lowering.ts';
import { eachRow, overRows } from '../../kernels/cuda/shapes.ts';
import { scratch } from '../../kernels/scratch.ts';
import type { CallOf } from '../../program/op.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import type { Units } from '../bitLinear/units.ts';
import { crossEntropyBackwardOp, crossEntropyOp } from './crossEntropy.ts';

/** Rows that have a label among all that the mean is over, counted by a block. */
const labelled = `
    int labels_ = 0;
    for (unsigned n = threadIdx.x; n < labelled; n += blockDim.x) labels_ += counted[n] >= 0;
    const int count = blockSum(labels_);`;

/**
 * The maximum and the sum of exponentials of a row in one reading: a vector with a larger entry scales the sum down. The
 * card's own exponential is exact enough: its errors are far below those of the sum.
 */
const logSumExp = (t: RowOfLogits) => `
    float top = -INFINITY_F, sum = 0.f;
    ${t.each(`const float larger = fmaxf(top, ${t.vector ? 'largest4(x)' : 'x'});
      if (larger > top) { sum *= __expf(top - larger); top = larger; }
      sum += ${t.vector ? '__expf(x.x - top) + __expf(x.y - top) + (__expf(x.z - top) + __expf(x.w - top))' : '__expf(x - top)'};`)}
    const float largest = blockMax(top);
    const float logSum = largest + logf(blockSum(top == -INFINITY_F ? 0.f : sum * __expf(top - largest)));`;

const functions = `
#define INFINITY_F __int_as_float(0x7f800000)
__device__ inline float largest4(float4 x) { return fmaxf(fmaxf(x.x, x.y), fmaxf(x.z, x.w)); }
`;

/** How a block reads a row of logits: in vectors of four if it can. */
interface RowOfLogits {
  readonly vector: boolean;
  /** `body` for each of a thread's vectors or elements `x`, number `at` of the row. */
  readonly each: (body: string) => string;
  /** The logit of column `c`. */
  readonly one: string;
  readonly tensors: Launch['tensors'];
  readonly numbers: Launch['numbers'];
}

/** @param units of the logits, if they are int32 sums of their projection */
function rowOfLogits(logits: Tensor, units?: Units): RowOfLogits {
  const vector = widthOf(logits) % 4 === 0;
  const read = vector
    ? units
      ? 'scaled(((const int4*)logits)[(size_t)row * (width / 4) + at], unit)'
      : '((const float4*)logits)[(size_t)row * (width / 4) + at]'
    : `logits[(size_t)row * width + at]${units ? ' * unit' : ''}`;
  return {
    vector,
    each: (body) => `
    ${units ? 'const float unit = unitStep[unitFirst + row] * unitScale[0];' : ''}
    #pragma unroll 4
    for (unsigned at = lane; at < ${vector ? 'width / 4' : 'width'}; at += lanes) {
      const ${vector ? 'float4' : 'float'} x = ${read};
      ${body}
    }`,
    one: `logits[(size_t)row * width + c]${units ? ' * unit' : ''}`,
    tensors: { logits, unitStep: units?.step, unitScale: units?.scale },
    numbers: { unitFirst: units?.first ?? 0 },
  };
}

/** log Σ exp of each row to logSums [rows], each row's loss to losses [rows], their mean to loss [1]. */
export function crossEntropyForward(
  { inputs, outputs, attributes }: CallOf<typeof crossEntropyOp>,
  units?: Units,
): Launch[] {
  const { logits, labels, counted } = inputs;
  const { loss, logSums } = outputs;
  const [rows, width] = [rowsOf(logits), widthOf(logits)];
  const losses = scratch('losses', [rows]);
  const row = rowOfLogits(logits, units);
  return [
    {
      ...{ kernel: 'crossEntropyRows', functions },
      body: eachRow(`${logSumExp(row)}
    if (lane == 0) {
      logSums[row] = logSum;
      const int label = labels[row];
      const unsigned c = min((unsigned)label, width - 1);
      losses[row] = label < 0 ? 0.f : logSum - ${row.one};
    }`),
      tensors: { ...row.tensors, labels, logSums, losses },
      numbers: { rows, width, ...row.numbers },
      ...overRows(rows, width, 64),
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

/** dLogits = dLoss · weight · (softmax − onehot(label)) / count; dLogits may be the memory of logits, or bf16 */
export function crossEntropyBackward(call: CallOf<typeof crossEntropyBackwardOp>, units?: Units): Launch[] {
  const { logits, counted } = call.inputs;
  const [rows, width] = [rowsOf(logits), widthOf(logits)];
  const scale = scratch('scale', [1]);
  const row = rowOfLogits(logits, units);
  const slope = (x: string, c: string) => `(__expf(${x} - logSum) - (${c} == label ? 1.f : 0.f)) * factor`;
  const store = row.vector
    ? `const int c = 4 * at;
      storeFour(dLogits, (size_t)row * (width / 4) + at, make_float4(${['x', 'y', 'z', 'w'].map((name, n) => slope(`x.${name}`, `c + ${n}`)).join(', ')}));`
    : `store(dLogits, (size_t)row * width + at, ${slope('x', '(int)at')});`;
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
    ${row.each(store)}`),
      tensors: {
        ...{ ...row.tensors, labels: call.inputs.labels, logSums: call.inputs.logSums, scale },
        dLogits: call.outputs.dLogits,
      },
      numbers: { rows, width, ...row.numbers },
      ...overRows(rows, width, 64),
    },
  ];
}

export const crossEntropyOnCuda = [
  onCuda(crossEntropyOp, (call) => crossEntropyForward(call)),
  onCuda(crossEntropyBackwardOp, (call) => crossEntropyBackward(call)),
];
