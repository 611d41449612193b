/** How far distributions of the next token lie apart. */

export interface Divergence {
  /** Mean Kullback–Leibler divergence of the rows, in nats, and the largest. */
  readonly meanDivergence: number;
  readonly maxDivergence: number;
  /** Share of the rows whose most probable token is the same. */
  readonly sameFirst: number;
}

/** Of the softmax of `found` from that of `expected`, row by row: [rows, vocabulary] logits. */
export function divergence(expected: Float32Array, found: Float32Array, vocabulary: number): Divergence {
  const rows = expected.length / vocabulary;
  const row = (all: Float32Array, r: number) => all.subarray(r * vocabulary, (r + 1) * vocabulary);
  const each = Array.from({ length: rows }, (_, r) => divergenceOfRow(row(expected, r), row(found, r)));
  const same = Array.from({ length: rows }, (_, r) => first(row(expected, r)) === first(row(found, r)));
  return {
    meanDivergence: each.reduce((sum, value) => sum + value, 0) / rows,
    maxDivergence: Math.max(...each),
    sameFirst: same.filter(Boolean).length / rows,
  };
}

/** Σ p·ln(p / q) of the softmax p of `expected` and q of `found`. */
export function divergenceOfRow(expected: Float32Array, found: Float32Array): number {
  const [p, q] = [logSoftmax(expected), logSoftmax(found)];
  return p.reduce((sum, value, i) => sum + Math.exp(value) * (value - q[i]!), 0);
}

function logSoftmax(logits: Float32Array): Float64Array {
  const top = logits.reduce((a, b) => Math.max(a, b));
  const sum = logits.reduce((total, value) => total + Math.exp(value - top), 0);
  return Float64Array.from(logits, (value) => value - top - Math.log(sum));
}

function first(logits: Float32Array): number {
  return logits.indexOf(logits.reduce((a, b) => Math.max(a, b)));
}
