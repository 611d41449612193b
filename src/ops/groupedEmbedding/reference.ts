import type { Data } from '../../program/op.ts';
import { element } from '../element.ts';
import type { GroupedCodes } from '../groupedLinear/reference.ts';

/** y_tc = s[id_t, ⌊c / group⌋] · w[id_t, c] + offset[id_t, ⌊c / group⌋] */
export function groupedEmbeddingReference(ids: Data, table: Omit<GroupedCodes, 'bias'>, y: Data): void {
  const width = y.length / ids.length;
  const group = width / table.groups;
  for (let t = 0; t < ids.length; t++) {
    for (let c = 0; c < width; c++) {
      const at = ids[t]! * table.groups + Math.floor(c / group);
      const code = element(table.codes, ids[t]! * width + c);
      y[t * width + c] = element(table.scales, at) * code + (table.offsets?.[at] ?? 0);
    }
  }
}
