import type { Data } from '../../program/op.ts';

/** mean over rows with a label ≥ 0 of log Σ exp(x) − x_label, times `weight`; 0 if no row has a label */
export function crossEntropyReference(x: Data, labels: Data, weight: number): number {
  const width = x.length / labels.length;
  let sum = 0;
  let count = 0;
  for (const [row, label] of labels.entries()) {
    if (label < 0) continue;
    sum += logSumExp(x.subarray(row * width, (row + 1) * width)) - x[row * width + label]!;
    count++;
  }
  return count ? (weight * sum) / count : 0;
}

/** dx = dLoss · weight · (softmax(x) − onehot(label)) / count for rows with a label, 0 for the others */
export function crossEntropyBackwardReference(
  x: Data,
  labels: Data,
  weight: number,
  dLoss: number,
  dx: Data,
): void {
  const width = x.length / labels.length;
  const count = labels.filter((label) => label >= 0).length;
  for (const [row, label] of labels.entries()) {
    const lse = logSumExp(x.subarray(row * width, (row + 1) * width));
    for (let c = 0; c < width; c++) {
      const at = row * width + c;
      dx[at] = label < 0 ? 0 : (dLoss * weight * (Math.exp(x[at]! - lse) - (c === label ? 1 : 0))) / count;
    }
  }
}

function logSumExp(row: Data): number {
  let max = Number.NEGATIVE_INFINITY;
  for (const x of row) max = Math.max(max, x);
  let sum = 0;
  for (const x of row) sum += Math.exp(x - max);
  return max + Math.log(sum);
}
