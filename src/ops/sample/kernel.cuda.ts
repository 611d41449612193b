import type { Launch } from '../../kernels/cuda/launch.ts';
import type { CallOf } from '../../program/op.ts';
import { widthOf } from '../../program/shapes.ts';
import { type sampleOp, wordsOf } from './sample.ts';

type Call = CallOf<typeof sampleOp>;

const threads = 1024;
const warps = threads / 32;
/** Pieces of the ids among which a draw is found first. */
const maxPieces = 4096;

/**
 * A block for each row. Nothing is sorted: tokens are ordered by logit, of equal ones by id, and where the kept ones end
 * is found two bits at a time, first of the logit's bits (turned so that they order as the logits do), then bit by bit
 * of the id if several tokens have that logit. Each takes one sum over the vocabulary. The draw walks along the ids:
 * rounds of pieces, then pieces, then one piece. Sums have a fixed order.
 */
export function sampleToken(t: Call['inputs'] & Call['outputs']): Launch {
  const vocabulary = widthOf(t.logits);
  // Variables are written where they lie: before and after are one memory.
  const {
    turnAfter: _turn,
    seenAfter: _seen,
    tokensAfter: _tokens,
    positionAfter: _position,
    ...tensors
  } = t;
  const steps = Math.ceil(vocabulary / (32 * maxPieces));
  const rounds = Math.ceil(vocabulary / (threads * steps));
  const constants = `
constexpr unsigned rounds = ${rounds}, steps = ${steps}; // a warp takes a piece a round, of 32 ids a step
`;
  return {
    kernel: 'sampleToken',
    functions: constants + functions,
    body,
    tensors,
    numbers: {
      ...{ vocabulary, words: wordsOf(vocabulary), ahead: widthOf(t.uniforms) },
      idBits: Math.ceil(Math.log2(vocabulary + 1)),
    },
    ...{ grid: [t.turn.size, 1, 1], block: threads },
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
  const float* logits; const int *seen, *allowed; unsigned vocabulary, idBits; float penalty, temperature, top;

  /** What orders the logit of a token, penalised; 0 beyond the vocabulary. */
  __device__ unsigned read(unsigned id) const {
    if (id >= vocabulary) return 0;
    const unsigned word = id >> 5, bit = id & 31u;
    if (!(static_cast<unsigned>(allowed[word]) >> bit & 1u)) return keyOf(__uint_as_float(0xff800000u));
    const float x = logits[id];
    if (penalty == 1.f || !(static_cast<unsigned>(seen[word]) >> bit & 1u)) return keyOf(x);
    return keyOf(x > 0.f ? x / penalty : x * penalty);
  }
  __device__ static unsigned idAt(unsigned round, unsigned step) {
    return ((round * ${warps} + threadIdx.x / 32) * steps + step) * 32 + threadIdx.x % 32;
  }
  /** Calls use(key, id) for each token of this thread. */
  template <typename Use> __device__ void each(Use use) const {
    #pragma unroll 4
    for (unsigned k = 0; k < rounds * steps; k++) {
      const unsigned id = idAt(k / steps, k % steps), key = read(id);
      if (key) use(key, id);
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
    if (!key || !keeps(byCount, key, id) || !keeps(byShare, key, id)) return 0.f;
    const float w = weightOf(key);
    return w >= minP ? w : 0.f;
  }
};
`;

const body = `
  __shared__ float pieces[rounds * ${warps}], ofRounds[rounds], weights[32];
  const unsigned row = blockIdx.x, lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  settings += 5 * row;
  const float topK = settings[1], topP = settings[2], minP = settings[3];
  Row r{logits + size_t(row) * vocabulary, seen + size_t(row) * words, allowed + size_t(row) * words, vocabulary, idBits, settings[4], settings[0], 0.f};

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
    for (unsigned round = 0; round < rounds; round++) {
      float sum = 0.f;
      for (unsigned step = 0; step < steps; step++) {
        const unsigned id = Row::idAt(round, step);
        sum += r.weight(r.read(id), id, byCount, byShare, minP);
      }
      sum = warpSum(sum);
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
    for (unsigned step = 0; step < steps; step++) {
      const unsigned first = (piece * steps + step) * 32;
      weights[lane] = r.weight(r.read(first + lane), first + lane, byCount, byShare, minP);
      __syncwarp();
      for (unsigned k = 0; lane == 0 && rest >= 0.f && k < 32; k++) {
        if (weights[k] > 0.f) token = first + k;
        rest -= weights[k];
      }
      __syncwarp();
    }
  }
  if (threadIdx.x > 0) return;
  tokens[row * ahead + at] = damaged ? -1 : static_cast<int>(token);
  next[row] = damaged ? 0 : token; // what is read next must have a row in the embedding
  if (!damaged) seen[row * words + (token >> 5)] |= 1u << (token & 31u);
  turn[row] = (at + 1) % ahead;
  position[row] += 1;`;
