/** Paged attention of many rows: rows of one sequence that lie together share their keys, a tile at a time. */
import type { Dispatch, GpuFeatures } from '../../kernels/webgpu/dispatch.ts';
import { requires } from '../attention/halfTiles.wgsl.ts';
import { longestFirst, type Rows, type TilePlaces } from '../attention/heads.wgsl.ts';
import { inTiles } from '../attention/kernel.wgsl.ts';
import { inHalfTiles, suits } from '../attention/tensorCores.wgsl.ts';
import { rowsOfTile } from '../attention/tiles.wgsl.ts';
import { pageTypeOf } from '../pages.ts';
import { poolReader, poolRow, poolTypes } from '../pages.wgsl.ts';
import type { PagedTensors } from './byPage.wgsl.ts';
import type { PagedSizes } from './reference.ts';

/** Up to so many rows, each is taken by itself. */
export const maxSingleRows = 8;

/** The row at which the tile of row `r` begins. */
const tileOf = (r: string) => `(${r} - ${r} % ${rowsOfTile}u)`;

/**
 * Whether row `r` belongs to the rows that its tile takes: those of the sequence of its first row, if they are more than
 * a few. `p.rows` is in scope.
 */
export function isInTile(r: string): string {
  const first = `slots[${tileOf(r)}]`;
  return `(slots[${r}] == ${first} && slots[min(${tileOf(r)} + ${maxSingleRows - 1}u, p.rows - 1u)] == ${first})`;
}

export function byTile(tensors: PagedTensors, sizes: PagedSizes, features: GpuFeatures): Dispatch {
  const { rows, heads, keyHeads, headSize, maxPages } = sizes;
  const type = pageTypeOf(tensors.k);
  const onTensorCores = suits({ batch: 1, length: rows, heads, keyHeads, headSize }, features);
  const code = onTensorCores ? inHalfTiles(headSize, places) : inTiles(headSize, places);
  return {
    shader: `pagedAttention${onTensorCores ? 'OnTensorCores' : 'InTiles'}.${type}`,
    requires: onTensorCores ? requires : [],
    code: `${poolReader('k', type)}${poolReader('v', type)}${code}`,
    tensors: { ...tensors },
    types: { q: 'vec4f', k: poolTypes[type], v: poolTypes[type], y: 'vec4f' },
    numbers: {
      ...{ rows, heads, keyHeads, fours: headSize / 4, maxPages },
      scale: { f32: 1 / Math.sqrt(headSize) },
    },
    workgroups: [heads, Math.ceil(rows / rowsOfTile), 1],
  };
}

const ownRow = (name: string): Rows => ({
  name,
  exists: (r) => `${r} < count`,
  row: (r) => `(min(firstQuery + ${r}, p.rows - 1u) * p.heads + head)`,
});

/** A tile of keys lies in one page, whose rows all exist in memory. */
const pagedRow = (name: string): Rows => ({
  name,
  exists: (r) => `firstKey + ${r} < keys`,
  row: (r) => `((firstRow + ${r}) * p.keyHeads + keyHead)`,
  four: (row, c) => `fourOf_${name}(${row}, ${c})`,
});

/** Finds the last of the rows from the tile's first one on that are of its sequence. */
const places: TilePlaces = {
  declarations: `${poolRow}
/** The tile's sequence, the number of its rows in the tile, and the last one's position. */
var<workgroup> ofTile: vec3i;`,
  begin: `${longestFirst(rowsOfTile).replace('p.length', 'p.rows')}
  if (lane < ${rowsOfTile}u) {
    let r = firstQuery + lane;
    let slot = slots[firstQuery];
    if (r < p.rows && slots[r] == slot && (lane == ${rowsOfTile - 1}u || r + 1u == p.rows || slots[r + 1u] != slot)) {
      ofTile = vec3i(slot, select(0, i32(lane) + 1, ${isInTile('r')}), positions[r]);
    }
  }
  let found = workgroupUniformLoad(&ofTile);
  if (found.y == 0) { return; }
  let count = u32(found.y);
  let keys = u32(found.z) + 1u;`,
  eachTile: 'let firstRow = poolRow(u32(found.x), firstKey);',
  rows: { q: ownRow('q'), k: pagedRow('k'), v: pagedRow('v'), y: ownRow('y') },
  lastKey: (r) => `u32(positions[min(firstQuery + ${r}, p.rows - 1u)])`,
  statistic: () => '',
};
