/** Attention of single queries, over keys that lie in one piece or in pages. */
import { lowest } from './heads.wgsl.ts';

/** How a kernel finds the keys of a query. `group`, `lane` and `head` are in scope. */
export interface KeyPlaces {
  readonly declarations: string;
  /** Defines `row`, the index of the query's head, and `keys`, the number of keys, the same for all invocations. */
  readonly keysOfQuery: string;
  /** Row of key `j`, in tokens. */
  readonly rowOfKey: (j: string) => string;
  /** The last statements, with `top` and `sum` of the softmax. */
  readonly finish: string;
}

const lanes = 128;

/** The sum or the largest of a value of each invocation. */
const total = `
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
}`;

/**
 * A workgroup takes one head of one query, 128 keys at a time: an invocation finds the score of a key, then adds up
 * four columns of the values, for each key of its share. The workgroup (x, y) takes head x of query y.
 */
export function queryByQuery(headSize: number, places: KeyPlaces): string {
  if (headSize > 4 * lanes) {
    throw new Error(`attention: heads of ${headSize} are too large, expected at most ${4 * lanes}`);
  }
  const keyAt = (j: string) => `(${places.rowOfKey(j)} * p.keyHeads + keyHead) * fours`;
  return `
${places.declarations}
var<workgroup> query: array<vec4f, ${lanes}>;
var<workgroup> weights: array<f32, ${lanes}>;
var<workgroup> parts: array<f32, ${lanes}>;
var<workgroup> sums: array<vec4f, ${lanes}>;

${total}

@compute @workgroup_size(${lanes})
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
  let fours = p.fours;
  let shares = ${lanes}u / fours;
  let head = group.x;
  let keyHead = head / (p.heads / p.keyHeads);
  ${places.keysOfQuery}
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
      let at = ${keyAt('(start + lane)')};
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
        value += weights[j] * v[${keyAt('(start + j)')} + column];
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
  if (lane == 0u) { ${places.finish} }
}`;
}
