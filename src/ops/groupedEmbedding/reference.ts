import type { Data } from '../../program/op.ts';
import { element } from '../element.ts';

/** y_tc = s[id_t, ⌊c / group⌋] · w[id_t, c] */
export function groupedEmbeddingReference(
  ids: Data,
  table: { readonly codes: ArrayLike<number>; readonly scales: ArrayLike<number>; readonly groups: number },
  y: Data,
): void {
  const width = y.length / ids.length;
  const group = width / table.groups;
  for (let t = 0; t < ids.length; t++) {
    for (let c = 0; c < width; c++) {
      const scale = element(table.scales, ids[t]! * table.groups + Math.floor(c / group));
      y[t * width + c] = scale * element(table.codes, ids[t]! * width + c);
    }
  }
}
