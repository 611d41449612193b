import type { Launch } from '../../kernels/cuda/launch.ts';
import { onCuda } from '../../kernels/cuda/lowering.ts';
import { eachElement, eachRow, overElements, overRows } from '../../kernels/cuda/shapes.ts';
import { startSum } from '../../kernels/cuda/sums.cuda.ts';
import { scratch } from '../../kernels/scratch.ts';
import type { CallOf } from '../../program/op.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import { embeddingBackwardOp, embeddingOp } from './embedding.ts';

/** y [tokens, width] = table [vocabulary, width] (· scales [vocabulary]) at ids [tokens] */
export function embeddingForward({ inputs, outputs: { y } }: CallOf<typeof embeddingOp>): Launch {
  const { table } = inputs;
  return {
    kernel: 'embedding',
    body: eachElement(`
    const unsigned id = min((unsigned)ids[i / width], vocabulary - 1);
    y[i] = toFloat(table[(size_t)id * width + i % width]) * (scales ? scales[id] : 1.f);`),
    tensors: { ...inputs, y },
    numbers: { size: y.size, width: widthOf(table), vocabulary: rowsOf(table) },
    ...overElements(y.size),
  };
}

/**
 * dTable [vocabulary, width] = before, plus dy [tokens, width] at ids. The first token of an id sums for all of them, in
 * their order: no two blocks write one element, and sums have one order. So that it finds them, each token is told the
 * next one of its id, and whether there is an earlier one.
 */
function embeddingBackward({ inputs, outputs: { dTable } }: CallOf<typeof embeddingBackwardOp>): Launch[] {
  const { ids, dy, before } = inputs;
  const [tokens, width] = [ids.size, widthOf(dTable)];
  const [next, repeated] = [scratch('next', [tokens], 'i32'), scratch('repeated', [tokens], 'i32')];
  return [
    startSum(dTable, before),
    {
      kernel: 'embeddingNext',
      body: eachRow(`
    const int id = ids[row];
    float later = rows, earlier = 0.f; // floats hold any number of tokens up to 2²⁴
    for (unsigned t = lane; t < rows; t += lanes) {
      if (ids[t] != id || t == row) continue;
      if (t > row) later = fminf(later, t); else earlier = 1.f;
    }
    const float first = -blockMax(-later), isRepeated = blockMax(earlier);
    if (lane == 0) { next[row] = (int)first; repeated[row] = (int)isRepeated; }`),
      tensors: { ids, next, repeated },
      numbers: { rows: tokens },
      ...overRows(tokens, tokens, 64),
    },
    {
      kernel: 'embeddingBackward',
      body: eachRow(`
    if (repeated[row]) continue;
    float* sums = dTable + (size_t)min((unsigned)ids[row], vocabulary - 1) * width;
    for (unsigned c = lane; c < width; c += lanes) {
      float sum = sums[c];
      for (unsigned token = row; token < rows; token = next[token]) sum += dy[(size_t)token * width + c];
      sums[c] = sum;
    }`),
      tensors: { ids, next, repeated, dy, dTable },
      numbers: { rows: tokens, width, vocabulary: rowsOf(dTable) },
      ...overRows(tokens, width, 1),
    },
  ];
}

export const embeddingOnCuda = [
  onCuda(embeddingOp, (call) => [embeddingForward(call)]),
  onCuda(embeddingBackwardOp, embeddingBackward),
];
