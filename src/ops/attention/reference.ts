import type { Data } from '../../program/op.ts';

export interface AttentionSizes {
  readonly batch: number;
  /** Queries of a sequence. */
  readonly length: number;
  readonly heads: number;
  /** Heads of keys and values; each serves heads / keyHeads heads of queries. */
  readonly keyHeads: number;
  readonly headSize: number;
}

/** One head of one query: where its rows start, and how many keys it sees. */
interface Place {
  readonly q: number;
  readonly statistic: number;
  readonly keys: number;
  readonly keyRow: (j: number) => number;
}

/**
 * Query t of a sequence sees the keys 0 … before + t: y = Σ_j p_j v_j with p = softmax(q·k_j / √size).
 * `logSumExp` [batch, length, heads] is ln Σ_j exp(q·k_j / √size), from which p can be recomputed.
 */
export function attentionReference(
  { q, k, v }: { q: Data; k: Data; v: Data },
  sizes: AttentionSizes,
  { y, logSumExp }: { y: Data; logSumExp: Data },
  before = 0,
): void {
  const d = sizes.headSize;
  y.fill(0);
  for (const at of places(sizes, before)) {
    const scores = Array.from({ length: at.keys }, (_, j) => dot(q, at.q, k, at.keyRow(j), d) / Math.sqrt(d));
    const top = Math.max(...scores);
    const sum = scores.reduce((total, score) => total + Math.exp(score - top), 0);
    logSumExp[at.statistic] = top + Math.log(sum);
    scores.forEach((score, j) => {
      const p = Math.exp(score - top) / sum;
      for (let c = 0; c < d; c++) y[at.q + c]! += p * v[at.keyRow(j) + c]!;
    });
  }
}

/**
 * With p from the scores and logSumExp, and δ = Σ_c dy_c·y_c: dv_j = p_j dy, ds_j = p_j (dy·v_j − δ),
 * dq = Σ_j ds_j k_j / √size, dk_j = ds_j q / √size.
 */
export function attentionBackwardReference(
  { q, k, v, y, logSumExp, dy }: Record<'q' | 'k' | 'v' | 'y' | 'logSumExp' | 'dy', Data>,
  sizes: AttentionSizes,
  { dq, dk, dv }: Record<'dq' | 'dk' | 'dv', Data>,
): void {
  const d = sizes.headSize;
  for (const gradient of [dq, dk, dv]) gradient.fill(0);
  for (const at of places(sizes, 0)) {
    const delta = dot(dy, at.q, y, at.q, d);
    for (let j = 0; j < at.keys; j++) {
      const row = at.keyRow(j);
      const p = Math.exp(dot(q, at.q, k, row, d) / Math.sqrt(d) - logSumExp[at.statistic]!);
      const ds = (p * (dot(dy, at.q, v, row, d) - delta)) / Math.sqrt(d);
      for (let c = 0; c < d; c++) {
        dv[row + c]! += p * dy[at.q + c]!;
        dq[at.q + c]! += ds * k[row + c]!;
        dk[row + c]! += ds * q[at.q + c]!;
      }
    }
  }
}

function* places(sizes: AttentionSizes, before: number): Generator<Place> {
  const { batch, length, heads, keyHeads, headSize } = sizes;
  const capacity = before + length;
  for (let b = 0; b < batch; b++) {
    for (let t = 0; t < length; t++) {
      for (let head = 0; head < heads; head++) {
        const keyHead = Math.floor(head / (heads / keyHeads));
        const statistic = (b * length + t) * heads + head;
        const keyRow = (j: number) => ((b * capacity + j) * keyHeads + keyHead) * headSize;
        yield { q: statistic * headSize, statistic, keys: before + t + 1, keyRow };
      }
    }
  }
}

function dot(a: Data, atA: number, b: Data, atB: number, size: number): number {
  let sum = 0;
  for (let c = 0; c < size; c++) sum += a[atA + c]! * b[atB + c]!;
  return sum;
}
