/**
 * A single token after its projections: heads normalised and turned, keys and values stored, and attention to the pages in
 * parts. The workgroup of the part that has the newest page takes the token's own key and value from where it made them.
 */
import type { Dispatch, GpuFeatures } from '../../../kernels/webgpu/dispatch.ts';
import { lowest } from '../../../ops/attention/heads.wgsl.ts';
import { largestHalf } from '../../../ops/halfFloats.ts';
import { pageSize, pageTypeOf, poolHeads } from '../../../ops/pages.ts';
import { poolTypes } from '../../../ops/pages.wgsl.ts';
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
    headSize / 4 <= lanes / 2 &&
    present(tensorsOf(t)).length <= features.maxBindings &&
    suitsGrouped({ ...after, parts: t.found }, undefined, features)
  );
}

export function attendHeads(t: AttendHeads): Dispatch {
  const { headSize, joined, keys, paging, queryNorm, keyNorm } = t.heads;
  const keyHeads = poolHeads(keys, headSize);
  const heads = widthOf(joined) / headSize - 2 * keyHeads;
  const type = pageTypeOf(keys) as 'f32' | 'f16';
  const fours = headSize / 4;
  return {
    shader: `attendHeads.${type}`,
    code: `
${conversions[type]}
${declarations(fours)}

@compute @workgroup_size(lanes)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
  let head = group.x;
  let keyHead = head / (p.heads / p.keyHeads);
  if (lane == 0u) { place = vec2i(slots[0], positions[0]); }
  let at = workgroupUniformLoad(&place);
  let pagesOfToken = u32(at.y) / ${pageSize}u + 1u;
  if (group.y >= pagesOfToken) { return; }
  ${attendedPages(t.heads, fours)}
}`,
    tensors: tensorsOf(t),
    types: {
      ...{ joined: 'vec4f', gammaOfQueries: 'vec4f', gammaOfKeys: 'vec4f', table: 'vec4f', found: 'vec4f' },
      ...{ keys: poolTypes[type], values: poolTypes[type] },
    },
    numbers: {
      ...{ heads, keyHeads, maxPages: sizeOf(paging.pages, 1), parts: t.found.parts },
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
var<workgroup> raw: array<vec4f, ${2 * fours}>;
var<workgroup> query: array<vec4f, ${fours}>;
var<workgroup> ownKey: array<vec4f, ${fours}>;
var<workgroup> ownValue: array<vec4f, ${fours}>;
var<workgroup> scores: array<f32, lanes>;
var<workgroup> weights: array<f32, ${pageSize}>;
var<workgroup> sums: array<vec4f, lanes>;`;

/** Vectors of a page that an invocation takes: half a key, and a column of every so many values. */
const shape = (fours: number) => {
  const shares = Math.floor(lanes / fours);
  return { shares, ofKey: fours / 2, ofValues: Math.ceil(pageSize / shares) };
};

const each = (count: number, one: (k: number) => string) =>
  Array.from({ length: count }, (_, k) => one(k)).join(' ');

/**
 * Keys and values of a page, which arrive while the heads are turned: an invocation waits for memory once, not for every row.
 * Rows that the sequence does not have are read from its last one, and weigh nothing.
 */
function pageLoads(fours: number): string {
  const { shares, ofKey, ofValues } = shape(fours);
  return `
    let first = u32(pages[u32(at.x) * p.maxPages + page]) * ${pageSize}u;
    let count = min(u32(at.y) + 1u - page * ${pageSize}u, ${pageSize}u);
    let keyRow = ((first + min(lane / 2u, count - 1u)) * p.keyHeads + keyHead) * ${fours}u + (lane & 1u);
    ${each(ofKey, (c) => `let k${c} = keys[keyRow + ${2 * c}u];`)}
    ${each(ofValues, (j) => `let v${j} = values[((first + min(share + ${shares * j}u, count - 1u)) * p.keyHeads + keyHead) * ${fours}u + column];`)}`;
}

/**
 * `query`, `ownKey` and `ownValue`, the token's own; one of the heads that share a key stores them. Invocations of the first
 * share turn the query, those of the second one the key. Pairs of columns lie in the halves of a head.
 */
function ownHeads({ headSize, queryNorm, keyNorm }: HeadsToPages, fours: number): string {
  const norms = queryNorm || keyNorm;
  const scale = (gamma: string, norm: HeadNorm | undefined, component: string) =>
    norm
      ? `four *= (1.0 / sqrt(squares.${component} / ${headSize}.0 + p.${gamma.replace('gamma', 'epsilon')})) * ${gamma}[column];`
      : '';
  return `
  let isKey = share == 1u;
  var four = vec4f();
  var ownFour = vec4f();
  if (isQuery) {
    four = joined[head * ${fours}u + column];
    ownFour = joined[(p.heads + p.keyHeads + keyHead) * ${fours}u + column];
  }
  if (isKey) { four = joined[(p.heads + keyHead) * ${fours}u + column]; }
  let half = column % ${fours / 2}u;
  let cosine = table[half];
  let sine = table[${fours / 2}u + half];
  ${
    norms
      ? `let square = dot(four, four);
  let squares = workgroupSums(vec2f(select(0.0, square, isQuery), select(0.0, square, isKey)), lane);`
      : ''
  }
  if (isQuery) { ${scale('gammaOfQueries', queryNorm, 'x')} }
  if (isKey) { ${scale('gammaOfKeys', keyNorm, 'y')} }
  if (share < 2u) { raw[lane] = four; }
  workgroupBarrier();
  if (share < 2u) {
    let low = raw[share * ${fours}u + half];
    let high = raw[share * ${fours}u + ${fours / 2}u + half];
    let turned = select(high * cosine + low * sine, low * cosine - high * sine, column < ${fours / 2}u);
    let isStored = group.y == (pagesOfToken - 1u) % p.parts && head % (p.heads / p.keyHeads) == 0u;
    let row = u32(pages[u32(at.x) * p.maxPages + pagesOfToken - 1u]) * ${pageSize}u + own;
    let to = (row * p.keyHeads + keyHead) * ${fours}u + column;
    if (isQuery) {
      query[column] = turned * p.scale;
      ownValue[column] = loaded(stored(ownFour));
      if (isStored) { values[to] = stored(ownFour); }
    } else {
      ownKey[column] = loaded(stored(turned));
      if (isStored) { keys[to] = stored(turned); }
    }
  }
  workgroupBarrier();`;
}

/** The part's sum of weighted values, its largest score, and the sum of its weights, as `PartsOfHeads` has them. */
function attendedPages(heads: HeadsToPages, fours: number): string {
  const { shares, ofKey, ofValues } = shape(fours);
  return `
  let column = lane % ${fours}u;
  let share = lane / ${fours}u;
  let isQuery = share == 0u;
  let own = u32(at.y) % ${pageSize}u;
  let key = lane / 2u;
  var top = ${lowest};
  var sum = 0.0;
  var value = vec4f();
  var page = group.y;
  loop {
    ${pageLoads(fours)}
    if (page == group.y) { ${ownHeads(heads, fours)} }
    let isLast = page + 1u == pagesOfToken;
    var product = 0.0;
    if (isLast && key == own) {
      for (var c = lane & 1u; c < ${fours}u; c += 2u) { product += dot(query[c], ownKey[c]); }
    } else {
      ${each(ofKey, (c) => `product += dot(query[${2 * c}u + (lane & 1u)], loaded(k${c}));`)}
    }
    scores[lane] = product;
    workgroupBarrier();
    var score = ${lowest};
    if (key < count) { score = scores[2u * key] + scores[2u * key + 1u]; }
    let higher = max(top, workgroupMax(score, lane));
    let weight = select(0.0, exp(score - higher), key < count && (lane & 1u) == 0u);
    let shrink = exp(top - higher);
    top = higher;
    if ((lane & 1u) == 0u) { weights[key] = weight; }
    sum = sum * shrink + workgroupSum(weight, lane);
    value *= shrink;
    workgroupBarrier();
    if (share < ${shares}u) {
      ${each(ofValues, (j) => {
        const row = `share + ${shares * j}u`;
        const add = `value += weights[${row}] * select(loaded(v${j}), ownValue[column], isLast && ${row} >= own);`;
        return shares * (j + 1) <= pageSize ? add : `if (${row} < ${pageSize}u) { ${add} }`;
      })}
    }
    page += p.parts;
    if (page >= pagesOfToken) { break; }
    workgroupBarrier();
  }
  sums[lane] = value;
  workgroupBarrier();
  let to = (head * p.parts + group.y) * ${fours + 1}u;
  if (isQuery) {
    for (var i = 1u; i < ${shares}u; i++) { value += sums[i * ${fours}u + lane]; }
    found[to + lane] = value;
  }
  if (lane == 0u) { found[to + ${fours}u] = vec4f(top, sum, 0.0, 0.0); }`;
}

/** `stored(four)`: as it lies in the pool; `loaded`: what is read from there again. */
const conversions = {
  f32: `fn stored(four: vec4f) -> vec4f { return four; }
fn loaded(four: vec4f) -> vec4f { return four; }`,
  f16: `fn stored(four: vec4f) -> vec2u {
  let kept = clamp(four, vec4f(-${largestHalf}.0), vec4f(${largestHalf}.0));
  return vec2u(pack2x16float(kept.xy), pack2x16float(kept.zw));
}
fn loaded(two: vec2u) -> vec4f { return vec4f(unpack2x16float(two.x), unpack2x16float(two.y)); }`,
} as const;
