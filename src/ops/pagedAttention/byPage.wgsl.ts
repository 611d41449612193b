/** Paged attention of single queries: several workgroups share the pages of a query, and another merges what they found. */
import { scratch } from '../../kernels/scratch.ts';
import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import type { Tensor } from '../../program/tensor.ts';
import { lowest } from '../attention/heads.wgsl.ts';
import { pageSize, pageTypeOf } from '../pages.ts';
import { poolReader, poolTypes } from '../pages.wgsl.ts';
import type { PagedSizes } from './reference.ts';
import { isInTile } from './tilesOfRows.wgsl.ts';

export type PagedTensors = Readonly<Record<'q' | 'k' | 'v' | 'slots' | 'positions' | 'pages' | 'y', Tensor>>;

/** Two invocations share the score of a key. */
const lanes = 2 * pageSize;
/** Workgroups that keep a large GPU busy, and parts of a query that merging reads fast. */
const [enoughWorkgroups, maxParts] = [1024, 32];
/** Heads that the invocations of a workgroup can hold. */
const largestHead = 4 * lanes;

/** @param exceptTiles leave out the rows that `byTile` takes */
export function byPage(tensors: PagedTensors, sizes: PagedSizes, exceptTiles: boolean): Dispatch[] {
  const { rows, heads, headSize, maxPages } = sizes;
  if (headSize > largestHead) {
    throw new Error(`pagedAttention: heads of ${headSize} are too large, expected at most ${largestHead}`);
  }
  const parts = Math.min(maxPages, maxParts, Math.ceil(enoughWorkgroups / (rows * heads)));
  if (parts === 1) return [attend(tensors, sizes, exceptTiles, 1)];
  const found = scratch('partsOfQueries', [rows * heads, parts, headSize + 4]);
  const { y, positions, slots } = tensors;
  return [
    attend({ ...tensors, y: found }, sizes, exceptTiles, parts),
    merge({ found, positions, slots, y }, sizes, exceptTiles, parts),
  ];
}

/** The sequence and position of query `group.y`, the same for all invocations; those in tiles have nothing to do here. */
function placeOfQuery(exceptTiles: boolean): { readonly declarations: string; readonly code: string } {
  const inTile = exceptTiles ? isInTile('group.y') : 'false';
  return {
    declarations: 'var<workgroup> placeOfQuery: vec3i;',
    code: `
  if (lane == 0u) { placeOfQuery = vec3i(slots[group.y], positions[group.y], select(0, 1, ${inTile})); }
  let place = workgroupUniformLoad(&placeOfQuery);
  if (place.z == 1) { return; }
  let pagesOfQuery = u32(place.y) / ${pageSize}u + 1u;`,
  };
}

/**
 * Part z of the pages of query y, with head x: y · Σ p_j v_j, or, of several parts, that without the sum's division, and
 * after it the largest score and the sum of the weights.
 */
function attend(tensors: PagedTensors, sizes: PagedSizes, exceptTiles: boolean, parts: number): Dispatch {
  const { rows, heads, keyHeads, headSize, maxPages } = sizes;
  const type = pageTypeOf(tensors.k);
  const fours = headSize / 4;
  const shares = Math.floor(lanes / fours);
  const place = placeOfQuery(exceptTiles);
  const at = '(group.y * p.heads + head)';
  return {
    shader: `pagedAttention.${type}`,
    code: `
${poolReader('k', type)}
${poolReader('v', type)}
const lanes = ${lanes}u;
${place.declarations}
var<workgroup> query: array<vec4f, ${fours}>;
var<workgroup> scores: array<f32, lanes>;
var<workgroup> weights: array<f32, ${pageSize}>;
var<workgroup> sums: array<vec4f, lanes>;

@compute @workgroup_size(lanes)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
  let head = group.x;
  let keyHead = head / (p.heads / p.keyHeads);
  ${place.code}
  if (group.z >= pagesOfQuery) { return; }
  if (lane < ${fours}u) { query[lane] = q[${at} * ${fours}u + lane] * p.scale; }
  workgroupBarrier();
  let column = lane % ${fours}u;
  let share = lane / ${fours}u;
  var top = ${lowest};
  var sum = 0.0;
  var value = vec4f();
  ${eachPage(fours, shares)}
  sums[lane] = value;
  workgroupBarrier();
  if (lane < ${fours}u) {
    for (var i = 1u; i < ${shares}u; i++) { value += sums[i * ${fours}u + lane]; }
    ${parts === 1 ? `y[${at} * ${fours}u + lane] = value / sum;` : `y[(${at} * p.parts + group.z) * ${fours + 1}u + lane] = value;`}
  }
  ${parts === 1 ? '' : `if (lane == 0u) { y[(${at} * p.parts + group.z) * ${fours + 1}u + ${fours}u] = vec4f(top, sum, 0.0, 0.0); }`}
}`,
    tensors: { ...tensors },
    types: { q: 'vec4f', k: poolTypes[type], v: poolTypes[type], y: 'vec4f' },
    numbers: { rows, heads, keyHeads, fours, maxPages, parts, scale: { f32: 1 / Math.sqrt(headSize) } },
    workgroups: [heads, rows, parts],
  };
}

/** The pages of a part: `top` and `sum` of their scores, and `value`, the part's sum of an invocation's columns. */
function eachPage(fours: number, shares: number): string {
  return `for (var page = group.z; page < pagesOfQuery; page += p.parts) {
    let first = u32(pages[u32(place.x) * p.maxPages + page]) * ${pageSize}u;
    let keys = min(u32(place.y) + 1u - page * ${pageSize}u, ${pageSize}u);
    let key = lane / 2u;
    let keyRow = (first + key) * p.keyHeads + keyHead;
    var half = 0.0;
    if (key < keys) {
      for (var c = lane & 1u; c < ${fours}u; c += 2u) { half += dot(query[c], codesOf_k(keyRow, c)); }
    }
    scores[lane] = half;
    workgroupBarrier();
    var score = ${lowest};
    if (key < keys) { score = (scores[2u * key] + scores[2u * key + 1u]) * stepOf_k(keyRow); }
    let higher = max(top, workgroupMax(score, lane));
    let weight = select(0.0, exp(score - higher), key < keys && (lane & 1u) == 0u);
    let shrink = exp(top - higher);
    top = higher;
    if (key < keys && (lane & 1u) == 0u) { weights[key] = weight * stepOf_v(keyRow); }
    sum = sum * shrink + workgroupSum(weight, lane);
    value *= shrink;
    workgroupBarrier();
    if (share < ${shares}u) {
      for (var j = share; j < keys; j += ${shares}u) {
        value += weights[j] * codesOf_v((first + j) * p.keyHeads + keyHead, column);
      }
    }
    workgroupBarrier();
  }`;
}

/** y = Σ_z e^(top_z − top)·value_z / Σ_z e^(top_z − top)·sum_z over the parts z that have pages. */
function merge(
  tensors: Readonly<Record<'found' | 'positions' | 'slots' | 'y', Tensor>>,
  { rows, heads, headSize }: PagedSizes,
  exceptTiles: boolean,
  parts: number,
): Dispatch {
  const fours = headSize / 4;
  const place = placeOfQuery(exceptTiles);
  return {
    shader: 'pagedAttentionMerge',
    code: `
${place.declarations}
@compute @workgroup_size(${fours})
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
  ${place.code}
  let count = min(p.parts, pagesOfQuery);
  let at = group.y * p.heads + group.x;
  let begin = at * p.parts * ${fours + 1}u;
  var top = ${lowest};
  for (var z = 0u; z < count; z++) { top = max(top, found[begin + z * ${fours + 1}u + ${fours}u].x); }
  var sum = 0.0;
  var value = vec4f();
  for (var z = 0u; z < count; z++) {
    let part = begin + z * ${fours + 1}u;
    let last = found[part + ${fours}u];
    let weight = exp(last.x - top);
    sum += weight * last.y;
    value += weight * found[part + lane];
  }
  y[at * ${fours}u + lane] = value / sum;
}`,
    tensors: { ...tensors },
    types: { found: 'vec4f', y: 'vec4f' },
    numbers: { rows, heads, parts },
    workgroups: [heads, rows, 1],
  };
}
