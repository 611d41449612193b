import { onCuda } from '../../kernels/cuda/lowering.ts';
import { eachColumn, eachRow, overRows } from '../../kernels/cuda/shapes.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import { tokenScoresOp } from './tokenScores.ts';

/** logits [rows, width] and labels [rows] → scores [rows, 3]. A label is the likeliest if no entry goes before it. */
export const tokenScoresOnCuda = [
  onCuda(tokenScoresOp, ({ inputs: { logits, labels }, outputs: { scores } }) => [
    {
      kernel: 'tokenScores',
      body: eachRow(`
    const unsigned label = min((unsigned)labels[row], width - 1);
    const float own = logits[row * width + label];
    float top = own;
    int before = 0;
    ${eachColumn(`const float x = logits[i];
      top = fmaxf(top, x);
      before += x > own || (x == own && c < label);`)}
    top = blockMax(top);
    before = blockSum(before);
    float sum = 0.f;
    ${eachColumn('sum += expf(logits[i] - top);')}
    sum = blockSum(sum);
    if (lane == 0) {
      scores[row * 3] = (own - top) - logf(sum);
      scores[row * 3 + 1] = 0.f;
      scores[row * 3 + 2] = before == 0 ? 1.f : 0.f;
    }`),
      tensors: { logits, labels, scores },
      numbers: { rows: rowsOf(logits), width: widthOf(logits) },
      ...overRows(rowsOf(logits), widthOf(logits), 16),
    },
  ]),
];
