import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import type { Tensor } from '../../program/tensor.ts';
import { queryByQuery } from '../attention/byQuery.wgsl.ts';
import { poolRow } from '../pages.wgsl.ts';
import type { PagedSizes } from './reference.ts';

type Tensors = Readonly<Record<'q' | 'k' | 'v' | 'slots' | 'positions' | 'pages' | 'y', Tensor>>;

/** Queries are taken one by one, also those of one sequence: they see different numbers of keys. */
export function pagedAttention(tensors: Tensors, sizes: PagedSizes): Dispatch {
  const { rows, heads, keyHeads, headSize, maxPages } = sizes;
  return {
    shader: 'pagedAttention',
    code: queryByQuery(headSize, {
      declarations: `
${poolRow}
var<workgroup> placeOfQuery: vec2i;`,
      keysOfQuery: `
  if (lane == 0u) { placeOfQuery = vec2i(slots[group.y], positions[group.y]); }
  let place = vec2u(workgroupUniformLoad(&placeOfQuery));
  let row = group.y * p.heads + head;
  let keys = place.y + 1u;`,
      rowOfKey: (j) => `poolRow(place.x, ${j})`,
      finish: '',
    }),
    tensors: { ...tensors },
    types: { q: 'vec4f', k: 'vec4f', v: 'vec4f', y: 'vec4f' },
    numbers: { heads, keyHeads, fours: headSize / 4, maxPages, scale: { f32: 1 / Math.sqrt(headSize) } },
    workgroups: [heads, rows, 1],
  };
}
