/** Computes logits [tokens, vocabulary], the largest tensor of a program, in parts of some rows at a time. */

import { slice } from '../ops/slice/slice.ts';
import { rowsOf, widthOf } from '../program/shapes.ts';
import type { Tensor } from '../program/tensor.ts';
import type { Architecture } from './architecture.ts';
import type { Weights } from './weights.ts';

export interface LogitsPart {
  /** [.., vocabulary] of some rows. */
  readonly logits: Tensor;
  /** The labels of these rows. */
  readonly labels: Tensor;
}

/**
 * Records the head for hidden states [.., width] after the final norm and their labels [..]. Logits of at most
 * `maxBytes` are one part; larger ones are split into parts of equally many rows, recorded as the caller asks for them.
 */
export function* logitsInParts(
  { architecture, weights }: { readonly architecture: Architecture; readonly weights: Weights },
  hidden: Tensor,
  labels: Tensor,
  maxBytes: number,
): Generator<LogitsPart> {
  const [rows, width] = [rowsOf(hidden), widthOf(hidden)];
  const maxRows = Math.max(1, Math.floor(maxBytes / (4 * vocabularyOf(architecture))));
  const each = Math.ceil(rows / Math.ceil(rows / maxRows));
  for (let first = 0; first < rows; first += each) {
    const count = Math.min(each, rows - first);
    const isWhole = count === rows;
    const x = isWhole ? hidden : slice(hidden, first * width, [count, width]);
    const ofRows = isWhole ? labels : slice(labels, first, [count]);
    yield { logits: architecture.head(weights, x), labels: ofRows };
  }
}

function vocabularyOf(architecture: Architecture): number {
  return architecture.parameters().find(({ role }) => role === 'embedding')!.shape[0]!;
}
