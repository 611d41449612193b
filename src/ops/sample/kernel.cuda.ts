import type { Launch } from '../../kernels/cuda/launch.ts';
import type { CallOf } from '../../program/op.ts';
import type { sampleOp } from './sample.ts';

type Call = CallOf<typeof sampleOp>;

const threads = 1024;

/**
 * One block. Nothing is sorted: tokens are ordered by logit, of equal ones by id, and where the kept ones end is found
 * bit by bit, first of the logit's bits (turned so that they order as the logits do), then of the id. Each bit takes
 * one sum over the vocabulary. The draw walks along the ids: stretches of them first, then one stretch.
 */
export function sampleToken(t: Call['inputs'] & Call['outputs']): Launch {
  const size = t.logits.size;
  // Variables are written where they lie: before and after are one memory.
  const { turnAfter: _turn, seenAfter: _seen, tokensAfter: _tokens, ...tensors } = t;
  return {
    kernel: 'sampleToken',
    functions,
    body,
    tensors,
    numbers: { size, stretch: Math.ceil(size / threads), idBits: Math.ceil(Math.log2(size + 1)) },
    ...{ grid: [1, 1, 1], block: threads },
  };
}

const functions = `
/** The last token kept, in the order of logits and ids. */
struct Cut { unsigned key, id; };
__device__ inline bool keeps(Cut cut, unsigned key, unsigned id) { return key > cut.key || (key == cut.key && id <= cut.id); }
__device__ inline unsigned keyOf(float x) {
  const unsigned bits = __float_as_uint(x);
  return bits >> 31 ? ~bits : bits | 0x80000000u;
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

struct Sampler {
  const float* logits; const int *seen, *allowed; unsigned size, idBits; float penalty, temperature, top;

  __device__ float logit(unsigned id) const {
    if (!(static_cast<unsigned>(allowed[id >> 5]) >> (id & 31u) & 1u)) return __uint_as_float(0xff800000u);
    const float x = logits[id];
    return seen[id] == 0 ? x : x > 0.f ? x / penalty : x * penalty;
  }
  /** Σ over tokens that both cuts keep of 1, or of their weights. */
  __device__ float total(Cut a, Cut b, bool weighted) const {
    float sum = 0.f;
    for (unsigned id = threadIdx.x; id < size; id += blockDim.x) {
      const float x = logit(id);
      const unsigned key = keyOf(x);
      if (keeps(a, key, id) && keeps(b, key, id)) sum += weighted ? expf((x - top) / temperature) : 1.f;
    }
    return blockSum(sum);
  }
  /** Where the first tokens end that together have the target, among those that the other cut keeps. */
  __device__ Cut cutAt(float target, Cut among, bool weighted) const {
    Cut cut{0u, ~0u};
    for (unsigned bit = 0; bit < 32; bit++) {
      const unsigned key = cut.key | 0x80000000u >> bit;
      if (total(Cut{key, ~0u}, among, weighted) >= target) cut.key = key;
    }
    unsigned before = 0; // ids from 0 on that are too few
    for (unsigned bit = 1u << (idBits - 1); bit; bit >>= 1) {
      const unsigned more = before | bit;
      if (total(Cut{cut.key, more - 1}, among, weighted) < target) before = more;
    }
    cut.id = before;
    return cut;
  }
  __device__ float weight(unsigned id, Cut byCount, Cut byShare, float minP) const {
    const float x = logit(id);
    const unsigned key = keyOf(x);
    if (!keeps(byCount, key, id) || !keeps(byShare, key, id)) return 0.f;
    const float w = expf((x - top) / temperature);
    return w >= minP ? w : 0.f;
  }
};
`;

const body = `
  __shared__ unsigned keys[${threads}], ids[${threads}];
  __shared__ float sums[${threads}], warps[${threads / 32}];
  const unsigned lane = threadIdx.x;
  const float topK = settings[1], topP = settings[2], minP = settings[3];
  Sampler s{logits, seen, allowed, size, idBits, settings[4], settings[0], 0.f};

  // The likeliest; and whether something is not a number, or too large to be one.
  unsigned best = 0, bestId = 0;
  int damaged = 0;
  for (unsigned id = lane; id < size; id += ${threads}) {
    const float x = s.logit(id);
    const unsigned bits = __float_as_uint(x), key = keyOf(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u || bits == 0x7f800000u) damaged = 1;
    if (key > best) { best = key; bestId = id; }
  }
  keys[lane] = best;
  ids[lane] = bestId;
  damaged = blockSum(damaged);
  for (unsigned half = ${threads / 2}; half; half >>= 1) {
    __syncthreads();
    if (lane < half && (keys[lane + half] > keys[lane] || (keys[lane + half] == keys[lane] && ids[lane + half] < ids[lane]))) {
      keys[lane] = keys[lane + half];
      ids[lane] = ids[lane + half];
    }
  }
  __syncthreads();
  bestId = ids[0];
  s.top = s.logit(bestId);
  if (__float_as_uint(s.top) == 0xff800000u) damaged = 1;

  const bool draws = s.temperature > 0.f;
  Cut byCount{0u, ~0u}, byShare{0u, ~0u};
  if (draws && topK > 0.f && topK < size) byCount = s.cutAt(topK, Cut{0u, ~0u}, false);
  if (draws && topP < 1.f) byShare = s.cutAt(topP * s.total(byCount, Cut{0u, ~0u}, true), byCount, true);

  // A stretch of ids for each thread, then the stretch in which the draw falls.
  float sum = 0.f;
  if (draws)
    for (unsigned id = lane * stretch; id < min((lane + 1) * stretch, size); id++) sum += s.weight(id, byCount, byShare, minP);
  sums[lane] = sum;
  const float ofWarp = warpSum(sum);
  if (lane % 32 == 0) warps[lane / 32] = ofWarp;
  __syncthreads();
  if (lane > 0) return;
  const int at = turn[0];
  unsigned token = bestId;
  if (draws) {
    float all = 0.f;
    for (unsigned warp = 0; warp < ${threads / 32}; warp++) all += warps[warp];
    float rest = uniforms[at] * all;
    const unsigned warp = walk(warps, ${threads / 32}, rest), chosen = 32 * warp + walk(sums + 32 * warp, 32, rest);
    for (unsigned id = chosen * stretch; id < min((chosen + 1) * stretch, size); id++) {
      const float w = s.weight(id, byCount, byShare, minP);
      if (w > 0.f) token = id;
      rest -= w;
      if (rest < 0.f) break;
    }
  }
  if (damaged) {
    tokens[at] = -1;
    next[0] = 0; // what is read next must have a row in the embedding
  } else {
    tokens[at] = token;
    next[0] = token;
    seen[token] = 1;
  }
  turn[0] = at + 1;`;
