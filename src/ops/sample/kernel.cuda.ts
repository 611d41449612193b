import type { Launch } from '../../kernels/cuda/launch.ts';
import { scratch } from '../../kernels/scratch.ts';
import type { CallOf } from '../../program/op.ts';
import { widthOf } from '../../program/shapes.ts';
import { inPlace } from './inPlace.ts';
import { type sampleOp, wordsOf } from './sample.ts';

type Call = CallOf<typeof sampleOp>;

const threads = 1024;
const warps = threads / 32;

/**
 * A block for each row. Nothing is sorted: tokens are ordered by logit, of equal ones by id, and where the kept ones end
 * is found two bits at a time, first of the logit's bits (turned into keys that order as the logits do), then bit by bit
 * of the id if several tokens have that logit. Each takes one sum over the vocabulary, of which a thread reads four keys
 * at once. The draw walks along the ids: rounds of pieces, pieces, a warp's lanes, and a lane's ids. Sums have a fixed order.
 */
export function sampleToken(t: Call['inputs'] & Call['outputs']): Launch {
  const vocabulary = widthOf(t.logits);
  const rows = t.turn.size;
  const tensors = inPlace(t);
  const rounds = Math.ceil(vocabulary / (4 * threads));
  const keys = scratch('sample.keys', [rows, 4 * threads * rounds], 'i32');
  return {
    kernel: 'sampleToken',
    functions: `
constexpr unsigned rounds = ${rounds}; // a warp takes a piece of 128 ids a round
${functions}`,
    body,
    tensors: { ...tensors, keys },
    types: { keys: 'uint4' },
    numbers: {
      ...{ vocabulary, words: wordsOf(vocabulary), ahead: widthOf(t.uniforms) },
      idBits: Math.ceil(Math.log2(vocabulary + 1)),
    },
    ...{ grid: [rows, 1, 1], block: threads },
  };
}

const functions = `
/** The last token kept, in the order of logits and ids. */
struct Cut { unsigned key, id; };
__device__ inline bool keeps(Cut cut, unsigned key, unsigned id) { return key > cut.key || (key == cut.key && id <= cut.id); }
__device__ inline unsigned keyOf(float x) {
  const unsigned bits = __float_as_uint(x + 0.f); // −0 is 0
  return bits >> 31 ? ~bits : bits | 0x80000000u;
}
__device__ inline float logitOf(unsigned key) { return __uint_as_float(key >> 31 ? key & 0x7fffffffu : ~key); }

__device__ inline unsigned long long blockLargest(unsigned long long x) {
  __shared__ unsigned long long parts[${warps}];
  for (int d = 16; d; d >>= 1) x = max(x, __shfl_xor_sync(~0u, x, d));
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = x;
  __syncthreads();
  x = parts[0];
  for (int k = 1; k < ${warps}; k++) x = max(x, parts[k]);
  return x;
}

/** The part in which the rest falls, which is taken down by the parts before; the last with a weight if there is more. */
__device__ inline unsigned walk(const float* parts, unsigned count, float& rest) {
  unsigned last = 0;
  for (unsigned k = 0; k < count; k++) {
    if (parts[k] <= 0.f) continue;
    last = k;
    if (rest < parts[k]) return k;
    rest -= parts[k];
  }
  rest = parts[last];
  return last;
}

struct Row {
  uint4* keys; unsigned idBits; float temperature, top;

  /** Calls use(key, id) for each token of this thread. */
  template <typename Use> __device__ void each(Use use) const {
    for (unsigned round = 0; round < rounds; round += 2) {
      const unsigned at = round * ${threads} + threadIdx.x;
      const uint4 first = keys[at], second = round + 1 < rounds ? keys[at + ${threads}] : make_uint4(0, 0, 0, 0);
      const unsigned both[8] = {first.x, first.y, first.z, first.w, second.x, second.y, second.z, second.w};
      #pragma unroll
      for (unsigned k = 0; k < 8; k++) if (both[k]) use(both[k], 4 * (at + k / 4 * ${threads}) + k % 4);
    }
  }
  __device__ float weightOf(unsigned key) const { return expf((logitOf(key) - top) / temperature); }
  /** Σ over tokens that both cuts keep of 1, or of their weights. */
  __device__ __noinline__ float total(Cut a, Cut b, bool weighted) const {
    float sum = 0.f;
    each([&](unsigned key, unsigned id) { if (keeps(a, key, id) && keeps(b, key, id)) sum += weighted ? weightOf(key) : 1.f; });
    return blockSum(sum);
  }
  /** Where the first tokens end that together have the target, among those that the other cut keeps. */
  __device__ __noinline__ Cut cutAt(float target, Cut among, bool weighted) const {
    Cut cut{0u, ~0u};
    for (int shift = 30; shift >= 0; shift -= 2) {
      float sums[3] = {};
      each([&](unsigned key, unsigned id) {
        if (key < (cut.key | 1u << shift) || !keeps(among, key, id)) return;
        const float w = weighted ? weightOf(key) : 1.f;
        for (unsigned part = 1; part <= 3; part++) if (key >= (cut.key | part << shift)) sums[part - 1] += w;
      });
      blockSums(sums);
      unsigned part = 0;
      while (part < 3 && sums[part] >= target) part++;
      cut.key |= part << shift;
    }
    float same = 0.f;
    each([&](unsigned key, unsigned id) { if (key == cut.key && keeps(among, key, id)) same += 1.f; });
    if (blockSum(same) <= 1.f) return cut;
    unsigned before = 0; // ids from 0 on that are too few
    for (unsigned bit = 1u << (idBits - 1); bit; bit >>= 1) {
      const unsigned more = before | bit;
      if (total(Cut{cut.key, more - 1}, among, weighted) < target) before = more;
    }
    cut.id = before;
    return cut;
  }
  __device__ float weight(unsigned key, unsigned id, Cut byCount, Cut byShare, float minP) const {
    if (key == 0 || !keeps(byCount, key, id) || !keeps(byShare, key, id)) return 0.f;
    const float w = weightOf(key);
    return w >= minP ? w : 0.f;
  }
};
`;

const body = `
  __shared__ float pieces[rounds * ${warps}], ofRounds[rounds], ofLanes[32];
  const unsigned row = blockIdx.x, lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  logits += size_t(row) * vocabulary;
  seen += size_t(row) * words;
  allowed += size_t(row) * words;
  keys += size_t(row) * rounds * ${threads};
  settings += 5 * row;
  const float topK = settings[1], topP = settings[2], minP = settings[3], penalty = settings[4];

  // What orders the logits, penalised; 0 beyond the vocabulary.
  #pragma unroll 2
  for (unsigned at = threadIdx.x; at < rounds * ${threads}; at += ${threads}) {
    unsigned four[4];
    const unsigned word = at / 8, bit = 4 * at % 32;
    const unsigned may = word < words ? static_cast<unsigned>(allowed[word]) >> bit : 0;
    const unsigned was = word < words && penalty != 1.f ? static_cast<unsigned>(seen[word]) >> bit : 0;
    #pragma unroll
    for (unsigned k = 0; k < 4; k++) {
      const bool inside = 4 * at + k < vocabulary;
      float x = inside ? logits[4 * at + k] : 0.f;
      if (was >> k & 1u) x = x > 0.f ? x / penalty : x * penalty;
      if (!(may >> k & 1u)) x = __uint_as_float(0xff800000u);
      four[k] = inside ? keyOf(x) : 0;
    }
    keys[at] = make_uint4(four[0], four[1], four[2], four[3]);
  }
  Row r{keys, idBits, settings[0], 0.f};

  // The likeliest; and whether something is not a number, or too large to be one.
  unsigned long long best = 0;
  int damaged = 0;
  r.each([&](unsigned key, unsigned id) {
    const unsigned bits = __float_as_uint(logitOf(key));
    if ((bits & 0x7fffffffu) > 0x7f800000u || bits == 0x7f800000u) damaged = 1;
    best = max(best, static_cast<unsigned long long>(key) << 32 | ~id);
  });
  best = blockLargest(best);
  damaged = blockSum(damaged);
  r.top = logitOf(best >> 32);
  if (__float_as_uint(r.top) == 0xff800000u) damaged = 1;

  unsigned token = ~static_cast<unsigned>(best);
  const unsigned at = turn[row];
  if (r.temperature > 0.f && !damaged) {
    Cut byCount{0u, ~0u}, byShare{0u, ~0u};
    if (topK > 0.f && topK < vocabulary) byCount = r.cutAt(topK, byShare, false);
    if (topP < 1.f) byShare = r.cutAt(topP * r.total(byCount, byShare, true), byCount, true);
    const auto weightsOf = [&](unsigned at, float (&w)[4]) {
      const uint4 four = keys[at];
      w[0] = r.weight(four.x, 4 * at, byCount, byShare, minP);
      w[1] = r.weight(four.y, 4 * at + 1, byCount, byShare, minP);
      w[2] = r.weight(four.z, 4 * at + 2, byCount, byShare, minP);
      w[3] = r.weight(four.w, 4 * at + 3, byCount, byShare, minP);
    };
    float w[4];
    for (unsigned round = 0; round < rounds; round++) {
      weightsOf(round * ${threads} + threadIdx.x, w);
      const float sum = warpSum(w[0] + w[1] + w[2] + w[3]);
      if (lane == 0) pieces[round * ${warps} + warp] = sum;
    }
    __syncthreads();
    for (unsigned round = threadIdx.x; round < rounds; round += ${threads}) {
      float sum = 0.f;
      for (unsigned k = 0; k < ${warps}; k++) sum += pieces[round * ${warps} + k];
      ofRounds[round] = sum;
    }
    __syncthreads();
    if (warp > 0) return;
    float rest = 0.f;
    unsigned piece = 0;
    if (lane == 0) {
      float all = 0.f;
      for (unsigned round = 0; round < rounds; round++) all += ofRounds[round];
      rest = uniforms[row * ahead + at] * all;
      const unsigned round = walk(ofRounds, rounds, rest);
      piece = round * ${warps} + walk(pieces + round * ${warps}, ${warps}, rest);
    }
    piece = __shfl_sync(~0u, piece, 0);
    weightsOf(piece * 32 + lane, w);
    ofLanes[lane] = w[0] + w[1] + w[2] + w[3];
    __syncwarp();
    unsigned chosen = 0;
    if (lane == 0) chosen = walk(ofLanes, 32, rest);
    chosen = __shfl_sync(~0u, chosen, 0);
    weightsOf(piece * 32 + chosen, w);
    for (unsigned k = 0; lane == 0 && k < 4 && rest >= 0.f; k++) {
      if (w[k] > 0.f) token = 4 * (piece * 32 + chosen) + k;
      rest -= w[k];
    }
  }
  if (threadIdx.x > 0) return;
  tokens[row * ahead + at] = damaged ? -1 : static_cast<int>(token);
  next[row] = damaged ? 0 : token; // what is read next must have a row in the embedding
  if (!damaged) seen[token >> 5] |= 1u << (token & 31u);
  turn[row] = (at + 1) % ahead;
  position[row] += 1;`;
