import type { Data } from '../../program/op.ts';

/** How many labels are not negative; 1 if none, so that a mean over none is 0. */
export function countLabels(labels: Data): number {
  return Math.max(labels.filter((label) => label >= 0).length, 1);
}

/** Σ over rows with a label ≥ 0 of log Σ exp(x) − x_label, times `weight` */
export function crossEntropyReference(x: Data, labels: Data, weight: number): number {
  const width = x.length / labels.length;
  let sum = 0;
  for (const [row, label] of labels.entries()) {
    if (label < 0) continue;
    sum += logSumExp(x.subarray(row * width, (row + 1) * width)) - x[row * width + label]!;
  }
  return weight * sum;
}

/** dx = scale · (softmax(x) − onehot(label)) for rows with a label, 0 for the others */
export function crossEntropyBackwardReference(x: Data, labels: Data, scale: number, dx: Data): void {
  const width = x.length / labels.length;
  for (const [row, label] of labels.entries()) {
    const lse = logSumExp(x.subarray(row * width, (row + 1) * width));
    for (let c = 0; c < width; c++) {
      const at = row * width + c;
      dx[at] = label < 0 ? 0 : scale * (Math.exp(x[at]! - lse) - (c === label ? 1 : 0));
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
