import type { Data } from '../../program/op.ts';

/** y_t = table[id_t] */
export function embeddingReference(ids: Data, row: (id: number) => ArrayLike<number>, y: Data): void {
  const width = y.length / ids.length;
  for (let t = 0; t < ids.length; t++) y.set(Array.from(row(ids[t]!)), t * width);
}

/** dTable[id_t] += dy_t */
export function embeddingBackwardReference(ids: Data, dy: Data, dTable: Data): void {
  const width = dy.length / ids.length;
  for (let t = 0; t < ids.length; t++) {
    for (let c = 0; c < width; c++) dTable[ids[t]! * width + c]! += dy[t * width + c]!;
  }
}
