import type { Data } from '../../program/op.ts';

/**
 * For each row of x, three numbers: log softmax(x)_label; the part of it that a single float would lose (nothing, in
 * float64); and 1 if no entry is larger and no earlier one equal, else 0.
 */
export function tokenScoresReference(x: Data, labels: Data, scores: Data): void {
  const width = x.length / labels.length;
  for (const [row, label] of labels.entries()) {
    const logits = x.subarray(row * width, (row + 1) * width);
    let best = 0;
    for (const [c, value] of logits.entries()) if (value > logits[best]!) best = c;
    let sum = 0;
    for (const value of logits) sum += Math.exp(value - logits[best]!);
    scores[3 * row] = logits[label]! - (logits[best]! + Math.log(sum));
    scores[3 * row + 1] = 0;
    scores[3 * row + 2] = label === best ? 1 : 0;
  }
}
