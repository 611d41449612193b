import { scratch } from '../../kernels/scratch.ts';
import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import type { CallOf } from '../../program/op.ts';
import { widthOf } from '../../program/shapes.ts';
import { inPlace } from './inPlace.ts';
import { type sampleOp, wordsOf } from './sample.ts';

type Call = CallOf<typeof sampleOp>;

const lanes = 256;
/** Fewest tokens of a stretch; there are at most as many stretches as lanes. */
const minStretch = 2048;

/**
 * Many workgroups look at a stretch of the vocabulary each; then one draws, for each row. Nothing is sorted: tokens are ordered
 * by logit, equal ones by id. The end of the kept tokens is found bit by bit, first the logit's bits (transformed so that
 * they order as the logits do), then the id's. Each bit takes one sum over the vocabulary. The draw goes through the ids
 * in order: over stretches, then over parts of one, then over the ids of one part.
 */
export function sampleToken(t: Call['inputs'] & Call['outputs']): Dispatch[] {
  const [size, rows] = [widthOf(t.logits), t.turn.size];
  const stretch = Math.max(minStretch, Math.ceil(size / lanes));
  const stretches = Math.ceil(size / stretch);
  const found = scratch('stretches', [rows, stretches, 4]);
  const { logits, settings, seen, allowed } = t;
  const tensors = inPlace(t);
  // WGSL has no literal of −Infinity.
  const numbers = { size, words: wordsOf(size), stretch, stretches, impossible: 0xff80_0000 };
  return [
    {
      shader: 'sampleStretches',
      code: stretchesCode,
      tensors: { logits, settings, seen, allowed, found },
      types: { found: 'vec4u' },
      numbers,
      workgroups: [stretches, rows, 1],
    },
    {
      shader: 'sampleToken',
      code: code(Math.ceil(Math.log2(size + 1))),
      tensors: { ...tensors, found },
      types: { found: 'vec4u' },
      numbers: { ...numbers, ahead: widthOf(t.uniforms) },
      workgroups: [rows, 1, 1],
    },
  ];
}

const logitsCode = `
const lanes = ${lanes}u;
const infinity = 0x7f800000u;

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

fn isImpossible(x: f32) -> bool { return bitcast<u32>(x) == p.impossible; }
`;

/** Of each stretch: its most probable token, whether a logit is NaN or infinite, Σ exp((x − its largest x) / temperature). */
const stretchesCode = `
${logitsCode}
var<workgroup> keys: array<u32, lanes>;
var<workgroup> ids: array<u32, lanes>;
var<workgroup> best: vec2u;

@compute @workgroup_size(lanes)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
  row = group.y;
  penalty = settings[5u * row + 4u];
  let end = min((group.x + 1u) * p.stretch, p.size);
  var key = 0u;
  var keyId = 0u;
  var damaged = 0;
  for (var id = group.x * p.stretch + lane; id < end; id += lanes) {
    let x = logitOf(id);
    let bits = bitcast<u32>(x);
    if ((bits & 0x7fffffffu) > infinity || bits == infinity) { damaged = 1; }
    if (keyOf(x) > key) { key = keyOf(x); keyId = id; }
  }
  keys[lane] = key;
  ids[lane] = keyId;
  damaged = workgroupCount(damaged, lane);
  for (var half = lanes / 2u; half > 0u; half /= 2u) {
    if (lane < half && (keys[lane + half] > keys[lane] || (keys[lane + half] == keys[lane] && ids[lane + half] < ids[lane]))) {
      keys[lane] = keys[lane + half];
      ids[lane] = ids[lane + half];
    }
    workgroupBarrier();
  }
  if (lane == 0u) { best = vec2u(keys[0], ids[0]); }
  let most = workgroupUniformLoad(&best);
  let top = logitOf(most.y);
  let temperature = settings[5u * row];
  var sum = 0.0;
  if (temperature > 0.0 && !isImpossible(top)) {
    for (var id = group.x * p.stretch + lane; id < end; id += lanes) { sum += exp((logitOf(id) - top) / temperature); }
  }
  sum = workgroupSum(sum, lane);
  if (lane == 0u) { found[row * p.stretches + group.x] = vec4u(most, u32(damaged), bitcast<u32>(sum)); }
}
`;

const code = (idBits: number) => `
${logitsCode}
struct Settings { temperature: f32, topK: f32, topP: f32, minP: f32 }
/** The last token kept, in the order of logits and ids, and the largest logit. */
struct Cut { key: u32, id: u32 }
/** Tokens that are drawn from. */
struct Kept { byCount: Cut, byShare: Cut, top: f32 }

var<workgroup> shared_settings: Settings;
var<workgroup> keys: array<u32, lanes>;
var<workgroup> ids: array<u32, lanes>;
var<workgroup> sums: array<f32, lanes>;
var<workgroup> chosen: u32;
var<workgroup> rest: f32;

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

/** The first of \`sums\` that the rest does not reach beyond, else the last with a weight; the rest is what remains. */
fn choose() {
  var last = 0u;
  for (var other = 0u; other < lanes; other++) {
    if (sums[other] <= 0.0) { continue; }
    last = other;
    if (rest < sums[other]) { break; }
    if (other + 1u < lanes) { rest -= sums[other]; }
  }
  chosen = last;
}

@compute @workgroup_size(lanes)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
  row = group.x;
  penalty = settings[5u * row + 4u];
  var own = vec4u();
  if (lane < p.stretches) { own = found[row * p.stretches + lane]; }
  var best = own.x;
  var bestId = own.y;
  keys[lane] = best;
  ids[lane] = bestId;
  if (lane == 0u) {
    let first = 5u * row;
    shared_settings = Settings(settings[first], settings[first + 1u], settings[first + 2u], settings[first + 3u]);
  }
  var damaged = workgroupCount(i32(own.z), lane);
  let asked = workgroupUniformLoad(&shared_settings);
  for (var other = 0u; other < p.stretches; other++) {
    if (keys[other] > best || (keys[other] == best && ids[other] < bestId)) { best = keys[other]; bestId = ids[other]; }
  }
  let top = logitOf(bestId);
  if (isImpossible(top)) { damaged = 1; }
  let temperature = asked.temperature;
  var token = bestId;

  if (temperature > 0.0) {
    let everything = Cut(0u, 0xffffffffu);
    var kept = Kept(everything, everything, top);
    if (asked.topK > 0.0 && asked.topK < f32(p.size)) {
      kept.byCount = cutAt(asked.topK, everything, false, top, temperature, lane);
    }
    if (asked.topP < 1.0) {
      let all = total(kept.byCount, everything, true, top, temperature, lane);
      kept.byShare = cutAt(asked.topP * all, kept.byCount, true, top, temperature, lane);
    }
    let keepsAll = asked.minP <= 0.0 && asked.topP >= 1.0 && (asked.topK <= 0.0 || asked.topK >= f32(p.size));
    // The stretch, then the part of it, that contains the draw.
    var sum = 0.0;
    if (keepsAll) {
      if (own.x > keyOf(bitcast<f32>(p.impossible))) { sum = bitcast<f32>(own.w) * exp((logitOf(own.y) - top) / temperature); }
    } else {
      let end = min((lane + 1u) * p.stretch, p.size);
      for (var id = lane * p.stretch; id < end; id++) { sum += weightOf(id, kept, asked); }
    }
    sums[lane] = sum;
    let all = workgroupSum(sum, lane);
    if (lane == 0u) { rest = uniforms[row * p.ahead + u32(turn[row])] * all; choose(); }
    let start = workgroupUniformLoad(&chosen) * p.stretch;
    let part = (p.stretch + lanes - 1u) / lanes;
    let stretchEnd = min(start + p.stretch, p.size);
    sum = 0.0;
    for (var id = start + lane * part; id < min(start + (lane + 1u) * part, stretchEnd); id++) { sum += weightOf(id, kept, asked); }
    sums[lane] = sum;
    workgroupBarrier();
    if (lane == 0u) {
      choose();
      for (var id = start + chosen * part; id < min(start + (chosen + 1u) * part, stretchEnd); id++) {
        let weight = weightOf(id, kept, asked);
        if (weight > 0.0) { token = id; }
        rest -= weight;
        if (rest < 0.0) { break; }
      }
    }
  }
  if (lane > 0u) { return; }
  let at = u32(turn[row]);
  let place = row * p.ahead + at;
  if (damaged != 0) {
    tokens[place] = -1;
    next[row] = 0; // the next token must have a row in the embedding
  } else {
    tokens[place] = i32(token);
    next[row] = i32(token);
    seen[row * p.words + (token >> 5u)] |= i32(1u << (token & 31u));
  }
  turn[row] = i32((at + 1u) % p.ahead);
  position[row] += 1;
}

fn weightOf(id: u32, kept: Kept, asked: Settings) -> f32 {
  let x = logitOf(id);
  let key = keyOf(x);
  if (isImpossible(x) || !keeps(kept.byCount, key, id) || !keeps(kept.byShare, key, id)) { return 0.0; }
  let weight = exp((x - kept.top) / asked.temperature);
  return select(0.0, weight, weight >= asked.minP);
}
`;
