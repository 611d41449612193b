import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import type { CallOf } from '../../program/op.ts';
import { widthOf } from '../../program/shapes.ts';
import { type sampleOp, wordsOf } from './sample.ts';

type Call = CallOf<typeof sampleOp>;

const lanes = 256;

/**
 * A workgroup for each row. Nothing is sorted: tokens are ordered by logit, equal ones by id. The end of the kept tokens is found
 * bit by bit, first the logit's bits (transformed so that they order as the logits do), then the id's. Each bit takes
 * one sum over the vocabulary. The draw goes through the ids in order: first over blocks of them, then within one block.
 */
export function sampleToken(t: Call['inputs'] & Call['outputs']): Dispatch {
  const size = widthOf(t.logits);
  // Variables are updated in place: before and after are one memory.
  const { turnAfter: _turn, seenAfter: _seen, tokensAfter: _tokens, ...tensors } = t;
  return {
    shader: 'sampleToken',
    code: code(Math.ceil(Math.log2(size + 1))),
    tensors,
    numbers: {
      ...{ size, words: wordsOf(size), ahead: widthOf(t.uniforms), stretch: Math.ceil(size / lanes) },
      impossible: 0xff80_0000, // WGSL has no literal of −Infinity
    },
    workgroups: [t.turn.size, 1, 1],
  };
}

const code = (idBits: number) => `
const lanes = ${lanes}u;
const infinity = 0x7f800000u;

struct Settings { temperature: f32, topK: f32, topP: f32, minP: f32 }
/** The last token kept, in the order of logits and ids. */
struct Cut { key: u32, id: u32 }

var<workgroup> shared_settings: Settings;
var<workgroup> keys: array<u32, lanes>;
var<workgroup> ids: array<u32, lanes>;
var<workgroup> sums: array<f32, lanes>;
/** Of this workgroup, and its penalty. */
var<private> row: u32;
var<private> penalty: f32;

fn logitOf(id: u32) -> f32 {
  let word = row * p.words + (id >> 5u);
  if (((bitcast<u32>(allowed[word]) >> (id & 31u)) & 1u) == 0u) { return bitcast<f32>(p.impossible); }
  let x = logits[row * p.size + id];
  if (((bitcast<u32>(seen[word]) >> (id & 31u)) & 1u) == 0u) { return x; }
  return select(x * penalty, x / penalty, x > 0.0);
}

fn keyOf(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  return select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u);
}

fn keeps(cut: Cut, key: u32, id: u32) -> bool { return key > cut.key || (key == cut.key && id <= cut.id); }

/** Sum over the tokens that both cuts keep: of 1, or of their weights. */
fn total(a: Cut, b: Cut, weighted: bool, top: f32, temperature: f32, lane: u32) -> f32 {
  var sum = 0.0;
  for (var id = lane; id < p.size; id += lanes) {
    let x = logitOf(id);
    let key = keyOf(x);
    if (keeps(a, key, id) && keeps(b, key, id)) { sum += select(1.0, exp((x - top) / temperature), weighted); }
  }
  return workgroupSum(sum, lane);
}

/** The end of the first tokens that together have \`target\`, among those that \`among\` keeps. */
fn cutAt(target_sum: f32, among: Cut, weighted: bool, top: f32, temperature: f32, lane: u32) -> Cut {
  var cut = Cut(0u, 0xffffffffu);
  for (var bit = 0u; bit < 32u; bit++) {
    let key = cut.key | (0x80000000u >> bit);
    if (total(Cut(key, 0xffffffffu), among, weighted, top, temperature, lane) >= target_sum) { cut.key = key; }
  }
  var before = 0u; // number of ids, from 0 on, that are not enough
  for (var bit = 0u; bit < ${idBits}u; bit++) {
    let more = before | (${2 ** (idBits - 1)}u >> bit);
    if (total(Cut(cut.key, more - 1u), among, weighted, top, temperature, lane) < target_sum) { before = more; }
  }
  cut.id = before;
  return cut;
}

@compute @workgroup_size(lanes)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
  row = group.x;
  penalty = settings[5u * row + 4u];
  // The most probable token, and whether a logit is NaN or infinite.
  var best = 0u;
  var bestId = 0u;
  var damaged = 0;
  for (var id = lane; id < p.size; id += lanes) {
    let x = logitOf(id);
    let bits = bitcast<u32>(x);
    if ((bits & 0x7fffffffu) > infinity || bits == infinity) { damaged = 1; }
    let key = keyOf(x);
    if (key > best) { best = key; bestId = id; }
  }
  keys[lane] = best;
  ids[lane] = bestId;
  if (lane == 0u) {
    let first = 5u * row;
    shared_settings = Settings(settings[first], settings[first + 1u], settings[first + 2u], settings[first + 3u]);
  }
  damaged = workgroupCount(damaged, lane);
  let asked = workgroupUniformLoad(&shared_settings);
  for (var other = 0u; other < lanes; other++) {
    if (keys[other] > best || (keys[other] == best && ids[other] < bestId)) { best = keys[other]; bestId = ids[other]; }
  }
  let top = logitOf(bestId);
  if (bitcast<u32>(top) == (infinity | 0x80000000u)) { damaged = 1; }
  let temperature = asked.temperature;

  let everything = Cut(0u, 0xffffffffu);
  var byCount = everything;
  if (temperature > 0.0 && asked.topK > 0.0 && asked.topK < f32(p.size)) {
    byCount = cutAt(asked.topK, everything, false, top, temperature, lane);
  }
  var byShare = everything;
  if (temperature > 0.0 && asked.topP < 1.0) {
    let all = total(byCount, everything, true, top, temperature, lane);
    byShare = cutAt(asked.topP * all, byCount, true, top, temperature, lane);
  }

  // A block of ids for each lane, then the block that contains the draw.
  var sum = 0.0;
  if (temperature > 0.0) {
    let end = min((lane + 1u) * p.stretch, p.size);
    for (var id = lane * p.stretch; id < end; id++) { sum += weightOf(id, byCount, byShare, top, asked); }
  }
  sums[lane] = sum;
  workgroupBarrier();
  if (lane > 0u) { return; }
  let at = u32(turn[row]);
  let place = row * p.ahead + at;
  var token = bestId;
  if (temperature > 0.0) {
    var all = 0.0;
    for (var other = 0u; other < lanes; other++) { all += sums[other]; }
    var rest = uniforms[place] * all;
    var stretch = 0u;
    var last = 0u; // the last token with a weight, in case rounding leaves a remainder
    for (var other = 0u; other < lanes; other++) {
      if (sums[other] <= 0.0) { continue; }
      last = other;
      stretch = other;
      if (rest < sums[other]) { break; }
      if (other + 1u < lanes) { rest -= sums[other]; }
    }
    let end = min((stretch + 1u) * p.stretch, p.size);
    for (var id = stretch * p.stretch; id < end; id++) {
      let weight = weightOf(id, byCount, byShare, top, asked);
      if (weight > 0.0) { token = id; }
      rest -= weight;
      if (rest < 0.0) { break; }
    }
  }
  if (damaged != 0) {
    tokens[place] = -1;
    next[row] = 0; // the next token must have a row in the embedding
  } else {
    tokens[place] = i32(token);
    next[row] = i32(token);
    seen[row * p.words + (token >> 5u)] |= i32(1u << (token & 31u));
  }
  turn[row] = i32((at + 1u) % p.ahead);
}

fn weightOf(id: u32, byCount: Cut, byShare: Cut, top: f32, asked: Settings) -> f32 {
  let x = logitOf(id);
  let key = keyOf(x);
  if (!keeps(byCount, key, id) || !keeps(byShare, key, id)) { return 0.0; }
  let weight = exp((x - top) / asked.temperature);
  return select(0.0, weight, weight >= asked.minP);
}
`;
