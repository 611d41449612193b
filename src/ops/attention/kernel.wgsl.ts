/** Causal attention with a running softmax: keys are met in tiles, whose scores stay in the workgroup. */
import type { Dispatch } from '../../program/op.ts';
import type { Tensor } from '../../program/tensor.ts';
import type { AttentionSizes } from './reference.ts';
import { rowProducts, tile, tileProducts } from './tiles.wgsl.ts';

type Tensors = Readonly<Record<'q' | 'k' | 'v' | 'y' | 'logSumExp', Tensor>>;

/** Up to this many queries are taken one by one; more share keys in tiles. */
const mostSingleQueries = 8;

export function attentionForward(t: Tensors, first: Tensor | undefined, sizes: AttentionSizes): Dispatch {
  return sizes.length <= mostSingleQueries ? byQuery(t, first, sizes) : inTiles(t, first, sizes);
}

const lanes = 128;
const lowest = '-3.0e38';

/**
 * A workgroup takes one head of one query, 128 keys at a time: an invocation finds the score of a key, then adds up
 * four columns of the values, for every so manieth key.
 */
function byQuery(t: Tensors, first: Tensor | undefined, sizes: AttentionSizes): Dispatch {
  const { batch, length, heads, headSize } = sizes;
  if (headSize > 4 * lanes) {
    throw new Error(`attention: heads of ${headSize} are too large, expected at most ${4 * lanes}`);
  }
  return {
    shader: 'attentionByQuery',
    code: `
${sharedBefore(first)}
var<workgroup> query: array<vec4f, ${lanes}>;
var<workgroup> weights: array<f32, ${lanes}>;
var<workgroup> parts: array<f32, ${lanes}>;
var<workgroup> sums: array<vec4f, ${lanes}>;

fn total(value: f32, lane: u32, takeMax: bool) -> f32 {
  parts[lane] = value;
  workgroupBarrier();
  if (lane < 8u) {
    var part = parts[lane];
    for (var i = lane + 8u; i < ${lanes}u; i += 8u) { part = select(part + parts[i], max(part, parts[i]), takeMax); }
    parts[lane] = part;
  }
  workgroupBarrier();
  var all = parts[0];
  for (var i = 1u; i < 8u; i++) { all = select(all + parts[i], max(all, parts[i]), takeMax); }
  workgroupBarrier();
  return all;
}

@compute @workgroup_size(${lanes})
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
  let fours = p.headSize / 4u;
  let shares = ${lanes}u / fours;
  let head = group.x;
  let row = (group.z * p.length + group.y) * p.heads + head;
  let keyHead = head / (p.heads / p.keyHeads);
  let keyRow = group.z * p.capacity * p.keyHeads + keyHead;
  ${tokensBefore(first)}
  let keys = before + group.y + 1u;
  let column = lane % fours;
  let share = lane / fours;
  if (lane < fours) { query[lane] = q[row * fours + lane] * p.scale; }
  workgroupBarrier();
  var top = ${lowest};
  var sum = 0.0;
  var value = vec4f();
  for (var start = 0u; start < keys; start += ${lanes}u) {
    var score = ${lowest};
    if (start + lane < keys) {
      let at = (keyRow + (start + lane) * p.keyHeads) * fours;
      score = 0.0;
      for (var c = 0u; c < fours; c++) { score += dot(query[c], k[at + c]); }
    }
    let higher = max(top, total(score, lane, true));
    let weight = select(0.0, exp(score - higher), start + lane < keys);
    let shrink = exp(top - higher);
    top = higher;
    sum = sum * shrink + total(weight, lane, false);
    weights[lane] = weight;
    workgroupBarrier();
    value *= shrink;
    if (share < shares) {
      for (var j = share; j < min(${lanes}u, keys - start); j += shares) {
        value += weights[j] * v[(keyRow + (start + j) * p.keyHeads) * fours + column];
      }
    }
    workgroupBarrier();
  }
  sums[lane] = value;
  workgroupBarrier();
  if (lane < fours) {
    for (var i = 1u; i < shares; i++) { value += sums[i * fours + lane]; }
    y[row * fours + lane] = value / sum;
  }
  if (lane == 0u) { logSumExp[row] = top + log(sum); }
}`,
    tensors: { ...t, first },
    types: { q: 'vec4f', k: 'vec4f', v: 'vec4f', y: 'vec4f' },
    numbers: attentionNumbers(sizes),
    workgroups: [heads, length, batch],
  };
}

/** A workgroup takes 32 queries of one head, against tiles of 32 keys. */
function inTiles(t: Tensors, first: Tensor | undefined, sizes: AttentionSizes): Dispatch {
  const { batch, length, heads, headSize } = sizes;
  const columns = columnsOf(headSize);
  return {
    shader: 'attentionInTiles',
    code: `
${sharedBefore(first)}
${tile('tileA', 16)}
${tile('tileB', 16)}
var<workgroup> scores: array<f32, ${32 * 33}>;
var<workgroup> parts: array<f32, 256>;
var<workgroup> tops: array<f32, 32>;
var<workgroup> sums: array<f32, 32>;
var<workgroup> shrinks: array<f32, 32>;

@compute @workgroup_size(16, 16)
fn main(
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
) {
  let head = group.x;
  let firstQuery = group.y * 32u;
  let batch = group.z;
  ${tokensBefore(first)}
  let keyHead = head / (p.heads / p.keyHeads);
  let keys = before + min(firstQuery + 32u, p.length);
  // For the softmax, eight invocations share a row.
  let softRow = lane / 8u;
  let softColumn = lane % 8u;
  if (lane < 32u) {
    tops[lane] = ${lowest};
    sums[lane] = 0.0;
  }
  var value: array<vec2f, ${columns}>;
  for (var firstKey = 0u; firstKey < keys; firstKey += 32u) {
    ${rowProducts({ result: 'score', a: queryRow('q', 'firstQuery'), b: keyRow('k') })}
    for (var i = 0u; i < 2u; i++) {
      for (var j = 0u; j < 2u; j++) {
        let query = local.y + 16u * i;
        let key = local.x + 16u * j;
        let seen = firstKey + key <= before + firstQuery + query;
        scores[query * 33u + key] = select(${lowest}, score[i][j] * p.scale, seen);
      }
    }
    workgroupBarrier();
    var top = ${lowest};
    for (var j = softColumn; j < 32u; j += 8u) { top = max(top, scores[softRow * 33u + j]); }
    parts[lane] = top;
    workgroupBarrier();
    let old = tops[softRow];
    top = old;
    for (var i = 0u; i < 8u; i++) { top = max(top, parts[softRow * 8u + i]); }
    workgroupBarrier();
    var sum = 0.0;
    for (var j = softColumn; j < 32u; j += 8u) {
      let score = scores[softRow * 33u + j];
      let weight = select(0.0, exp(score - top), score > ${lowest});
      scores[softRow * 33u + j] = weight;
      sum += weight;
    }
    parts[lane] = sum;
    workgroupBarrier();
    if (softColumn == 0u) {
      for (var i = 1u; i < 8u; i++) { sum += parts[lane + i]; }
      shrinks[softRow] = exp(old - top);
      sums[softRow] = sums[softRow] * shrinks[softRow] + sum;
      tops[softRow] = top;
    }
    workgroupBarrier();
    let shrink = vec2f(shrinks[local.y], shrinks[local.y + 16u]);
    for (var n = 0u; n < ${columns}u; n++) { value[n] *= shrink; }
    ${tileProducts({ sums: 'value', weights: 'scores', row: 'byRow', b: keyRow('v'), columns })}
  }
  workgroupBarrier();
  for (var i = 0u; i < 2u; i++) {
    let query = firstQuery + local.y + 16u * i;
    if (query >= p.length) { continue; }
    let row = (batch * p.length + query) * p.heads + head;
    for (var n = 0u; n < ${columns}u; n++) {
      let c = local.x + 16u * n;
      if (c < p.headSize) { y[row * p.headSize + c] = value[n][i] / sums[local.y + 16u * i]; }
    }
    if (local.x == 0u) { logSumExp[row] = tops[local.y + 16u * i] + log(sums[local.y + 16u * i]); }
  }
}`,
    tensors: { ...t, first },
    numbers: attentionNumbers(sizes),
    workgroups: [heads, Math.ceil(length / 32), batch],
  };
}

/** Row `r` of 32 queries from `start` on, of `head`; a row past the end is refused. */
export function queryRow(name: string, start: string) {
  return {
    name,
    exists: (r: string) => `${start} + ${r} < p.length`,
    row: (r: string) => `((batch * p.length + ${start} + ${r}) * p.heads + head)`,
  };
}

/** Row `r` of 32 keys from `firstKey` on, of `keyHead`. */
export function keyRow(name: string) {
  return {
    name,
    exists: (r: string) => `firstKey + ${r} < p.capacity`,
    row: (r: string) => `((batch * p.capacity + firstKey + ${r}) * p.keyHeads + keyHead)`,
  };
}

/** `before`: the tokens before the first query, the same for all invocations as far as the compiler knows. */
function tokensBefore(first: Tensor | undefined): string {
  if (!first) return 'let before = 0u;';
  return `
  if (lane == 0u) { sharedBefore = first[0]; }
  let before = u32(workgroupUniformLoad(&sharedBefore));`;
}

function sharedBefore(first: Tensor | undefined): string {
  return first ? 'var<workgroup> sharedBefore: i32;' : '';
}

/** Columns of a head that an invocation owns: the shaders differ in no other size. */
export function columnsOf(headSize: number): number {
  return Math.ceil(headSize / 16);
}

export function attentionNumbers({ length, capacity, heads, keyHeads, headSize }: AttentionSizes) {
  return { length, capacity, heads, keyHeads, headSize, scale: { f32: 1 / Math.sqrt(headSize) } };
}
