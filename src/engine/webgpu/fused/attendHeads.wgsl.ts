/**
 * A single token after its projections: heads normalised and turned, keys and values stored, and attention to the pages in
 * parts. The workgroup of the part that has the newest page takes the token's own key and value from where it made them.
 */
import type { Dispatch, GpuFeatures } from '../../../kernels/webgpu/dispatch.ts';
import { lowest } from '../../../ops/attention/heads.wgsl.ts';
import { largestHalf } from '../../../ops/halfFloats.ts';
import { pageSize, pageTypeOf, poolHeads } from '../../../ops/pages.ts';
import { poolReader, poolTypes } from '../../../ops/pages.wgsl.ts';
import { present } from '../../../program/op.ts';
import { sizeOf, widthOf } from '../../../program/shapes.ts';
import type { AttendHeads } from '../../fused/decodedAttention.ts';
import type { GroupedProjections, HeadNorm, HeadsToPages } from '../../fused/groupedProjections.ts';
import { suitsGrouped } from './groupedProjections.wgsl.ts';

/** Two invocations share the score of a key. */
const lanes = 2 * pageSize;

function tensorsOf({ heads, found }: AttendHeads) {
  const { joined, table, queryNorm, keyNorm, paging, keys, values } = heads;
  const norms = { gammaOfQueries: queryNorm?.gamma, gammaOfKeys: keyNorm?.gamma };
  return { joined, ...norms, table, ...paging, keys, values, found: found.found };
}

export function suitsAttention(t: AttendHeads, after: GroupedProjections, features: GpuFeatures): boolean {
  const { headSize } = t.heads;
  return (
    headSize % 8 === 0 &&
    headSize / 4 <= lanes &&
    present(tensorsOf(t)).length <= features.maxBindings &&
    suitsGrouped({ ...after, parts: t.found }, undefined, features)
  );
}

export function attendHeads(t: AttendHeads): Dispatch {
  const { headSize, joined, keys, paging, queryNorm, keyNorm } = t.heads;
  const keyHeads = poolHeads(keys, headSize);
  const heads = widthOf(joined) / headSize - 2 * keyHeads;
  const type = pageTypeOf(keys);
  const fours = headSize / 4;
  return {
    shader: `attendHeads.${type}`,
    code: `
${poolReader('keys', type)}
${poolReader('values', type)}
${conversions[type as 'f32' | 'f16']}
${declarations(fours)}

@compute @workgroup_size(lanes)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
  let head = group.x;
  let keyHead = head / (p.heads / p.keyHeads);
  if (lane == 0u) { place = vec2i(slots[0], positions[0]); }
  let at = workgroupUniformLoad(&place);
  let pagesOfToken = u32(at.y) / ${pageSize}u + 1u;
  if (group.y >= pagesOfToken) { return; }
  let column = lane % ${fours}u;
  let isColumn = lane < ${fours}u;
  ${ownHeads(t.heads, fours)}
  ${attendedPages(fours)}
}`,
    tensors: tensorsOf(t),
    types: {
      ...{ joined: 'vec4f', gammaOfQueries: 'vec4f', gammaOfKeys: 'vec4f', table: 'vec4f', found: 'vec4f' },
      ...{ keys: poolTypes[type], values: poolTypes[type] },
    },
    numbers: {
      ...{ heads, keyHeads, fours, maxPages: sizeOf(paging.pages, 1), parts: t.found.parts },
      epsilonOfQueries: { f32: queryNorm?.epsilon ?? 0 },
      epsilonOfKeys: { f32: keyNorm?.epsilon ?? 0 },
      scale: { f32: 1 / Math.sqrt(headSize) },
    },
    workgroups: [heads, t.found.parts, 1],
  };
}

const declarations = (fours: number) => `
const lanes = ${lanes}u;
var<workgroup> place: vec2i;
var<workgroup> raw: array<vec4f, ${fours}>;
var<workgroup> query: array<vec4f, ${fours}>;
var<workgroup> ownKey: array<vec4f, ${fours}>;
var<workgroup> ownValue: array<vec4f, ${fours}>;
var<workgroup> scores: array<f32, lanes>;
var<workgroup> weights: array<f32, ${pageSize}>;
var<workgroup> sums: array<vec4f, lanes>;

/** Column \`lane\` of a head, whose pairs of columns lie in its halves, turned. */
fn turned(four: vec4f, lane: u32) -> vec4f {
  if (lane < ${fours}u) { raw[lane] = four; }
  workgroupBarrier();
  var result = vec4f();
  if (lane < ${fours}u) {
    let half = lane % ${fours / 2}u;
    let cosine = table[half];
    let sine = table[${fours / 2}u + half];
    let low = raw[half];
    let high = raw[${fours / 2}u + half];
    result = select(high * cosine + low * sine, low * cosine - high * sine, lane < ${fours / 2}u);
  }
  workgroupBarrier();
  return result;
}`;

/**
 * `query`; and in the part of the newest page `ownKey` and `ownValue`, which one of the heads that share them stores.
 * `own` is where the token lies in its page.
 */
function ownHeads({ headSize, queryNorm, keyNorm }: HeadsToPages, fours: number): string {
  return `
  var four = joined[head * ${fours}u + column];
  ${normalised('gammaOfQueries', queryNorm, headSize)}
  four = turned(four, lane);
  if (isColumn) { query[lane] = four * p.scale; }
  let own = u32(at.y) % ${pageSize}u;
  if ((pagesOfToken - 1u) % p.parts == group.y) {
    four = joined[(p.heads + keyHead) * ${fours}u + column];
    ${normalised('gammaOfKeys', keyNorm, headSize)}
    four = turned(four, lane);
    let value = joined[(p.heads + p.keyHeads + keyHead) * ${fours}u + column];
    if (isColumn) {
      ownKey[lane] = asStored(four);
      ownValue[lane] = asStored(value);
      if (head % (p.heads / p.keyHeads) == 0u) {
        let row = u32(pages[u32(at.x) * p.maxPages + pagesOfToken - 1u]) * ${pageSize}u + own;
        let to = (row * p.keyHeads + keyHead) * ${fours}u + lane;
        keys[to] = stored(four);
        values[to] = stored(value);
      }
    }
  }
  workgroupBarrier();`;
}

/** The part's sum of weighted values, its largest score, and the sum of its weights, as `PartsOfHeads` has them. */
function attendedPages(fours: number): string {
  const shares = Math.floor(lanes / fours);
  return `
  let share = lane / ${fours}u;
  var top = ${lowest};
  var sum = 0.0;
  var value = vec4f();
  for (var page = group.y; page < pagesOfToken; page += p.parts) {
    let first = u32(pages[u32(at.x) * p.maxPages + page]) * ${pageSize}u;
    let count = min(u32(at.y) + 1u - page * ${pageSize}u, ${pageSize}u);
    let isLast = page + 1u == pagesOfToken;
    let key = lane / 2u;
    let keyRow = (first + key) * p.keyHeads + keyHead;
    var half = 0.0;
    if (isLast && key == own) {
      for (var c = lane & 1u; c < ${fours}u; c += 2u) { half += dot(query[c], ownKey[c]); }
    } else if (key < count) {
      for (var c = lane & 1u; c < ${fours}u; c += 2u) { half += dot(query[c], codesOf_keys(keyRow, c)); }
    }
    scores[lane] = half;
    workgroupBarrier();
    var score = ${lowest};
    if (key < count) { score = scores[2u * key] + scores[2u * key + 1u]; }
    let higher = max(top, workgroupMax(score, lane));
    let weight = select(0.0, exp(score - higher), key < count && (lane & 1u) == 0u);
    let shrink = exp(top - higher);
    top = higher;
    if (key < count && (lane & 1u) == 0u) { weights[key] = weight; }
    sum = sum * shrink + workgroupSum(weight, lane);
    value *= shrink;
    workgroupBarrier();
    if (share < ${shares}u) {
      for (var j = share; j < count; j += ${shares}u) {
        if (isLast && j == own) { value += weights[j] * ownValue[column]; }
        else { value += weights[j] * codesOf_values((first + j) * p.keyHeads + keyHead, column); }
      }
    }
    workgroupBarrier();
  }
  sums[lane] = value;
  workgroupBarrier();
  let to = (head * p.parts + group.y) * ${fours + 1}u;
  if (isColumn) {
    for (var i = 1u; i < ${shares}u; i++) { value += sums[i * ${fours}u + lane]; }
    found[to + lane] = value;
  }
  if (lane == 0u) { found[to + ${fours}u] = vec4f(top, sum, 0.0, 0.0); }`;
}

/** `stored(four)`: as it lies in the pool; `asStored(four)`: what is read from there again. */
const conversions = {
  f32: `fn stored(four: vec4f) -> vec4f { return four; }
fn asStored(four: vec4f) -> vec4f { return four; }`,
  f16: `fn stored(four: vec4f) -> vec2u {
  let kept = clamp(four, vec4f(-${largestHalf}.0), vec4f(${largestHalf}.0));
  return vec2u(pack2x16float(kept.xy), pack2x16float(kept.zw));
}
fn asStored(four: vec4f) -> vec4f {
  let two = stored(four);
  return vec4f(unpack2x16float(two.x), unpack2x16float(two.y));
}`,
} as const;

/** \`four\` times r·γ, over the head. */
function normalised(gamma: string, norm: HeadNorm | undefined, headSize: number): string {
  if (!norm) return '';
  return `{
    let squares = workgroupSum(select(0.0, dot(four, four), isColumn), lane);
    four *= (1.0 / sqrt(squares / ${headSize}.0 + p.${gamma.replace('gamma', 'epsilon')})) * ${gamma}[column];
  }`;
}
