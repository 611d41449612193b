/**
 * Draws of src/ops/sample/kernel.as.ts among all tokens, from weights as in draw/quick.as.ts there. WebAssembly draws where
 * the random number falls too close to the border between two tokens for them, so the token is always that of exact ones.
 */
#include "floats.h"
#include "rows.h"

enum { tokensOfBlock = 64, rowsOfPiece = 64, undecided = -2 };

/** 2^y for −126 ≤ y ≤ 0, with a relative error of 3e-7. */
INLINE float coarsePower(float y) {
  const float k = rintf(y), f = y - k, f2 = f * f;
  const float low = 1 + 0.6931472f * f, middle = 0.24022651f + 0.05550411f * f, high = 0.009618129f + 0.0013333558f * f;
  return asFloat(asBits(low + (middle + high * f2) * f2) + ((uint32_t)(int32_t)k << 23));
}

/** 2^y for −1000 ≤ y ≤ 0, with a relative error of 2.6e-9. The lower bits of a number above 2^52 are an integer. */
INLINE double power(double y) {
  const double shifted = y + 6755399441055744.0, f = y - (shifted - 6755399441055744.0), f2 = f * f;
  const double low = 1 + 0.6931472067028321 * f, middle = 0.24022650922288827 + 0.05550327226670944 * f;
  const double high = 0.00961805667852609 + 0.0013400428177419153 * f + 0.0001546144469646172 * f2;
  const double value = low + (middle + high * f2) * f2;
  uint64_t bits, exponent;
  memcpy(&bits, &value, 8);
  memcpy(&exponent, &shifted, 8);
  bits += exponent << 52;
  double result;
  memcpy(&result, &bits, 8);
  return result;
}

/** How the weights of a row are taken: 2^((x − top)·rate). */
typedef struct Weights {
  float top;
  double rate;
} Weights;

/** Weights of the tokens of a block, and zeros behind the last token. */
static void weightsOf(Weights w, const float *x, int32_t count, double *weights) {
  for (int32_t i = count; i < tokensOfBlock; i++) weights[i] = 0;
INDEPENDENT
  for (int32_t i = 0; i < count; i++) {
    const double y = ((double)x[i] - (double)w.top) * w.rate;
    weights[i] = power(y < -1000 ? -1000 : y);
  }
}

static void coarseWeightsOf(Weights w, const float *x, int32_t count, float *weights) {
  const float rate = (float)w.rate;
  for (int32_t i = count; i < tokensOfBlock; i++) weights[i] = 0;
INDEPENDENT
  for (int32_t i = 0; i < count; i++) {
    const float y = (x[i] - w.top) * rate;
    weights[i] = coarsePower(y < -126 ? -126 : y);
  }
}

/** The sum of a block, in lanes, which the compiler makes vectors of. */
static double sumOfBlock(const int isCoarse, Weights w, const float *x, int32_t count) {
  enum { lanes = 16 };
  double sum = 0;
  if (isCoarse) {
    float weights[tokensOfBlock], sums[lanes] = {0};
    coarseWeightsOf(w, x, count, weights);
    for (int32_t i = 0; i < tokensOfBlock; i += lanes)
      for (int lane = 0; lane < lanes; lane++) sums[lane] += weights[i + lane];
    for (int lane = 0; lane < lanes; lane++) sum += (double)sums[lane];
  } else {
    double weights[tokensOfBlock], sums[lanes] = {0};
    weightsOf(w, x, count, weights);
    for (int32_t i = 0; i < tokensOfBlock; i += lanes)
      for (int lane = 0; lane < lanes; lane++) sums[lane] += weights[i + lane];
    for (int lane = 0; lane < lanes; lane++) sum += sums[lane];
  }
  return sum;
}

/** The smallest index of the largest number; `undecided` if one is NaN or the largest is infinite. */
static int32_t likeliest(const float *x, int32_t count) {
  int32_t top = INT32_MIN;
  uint32_t size = 0;
  for (int32_t i = 0; i < count; i++) {
    const uint32_t bits = asBits(x[i]), own = bits & 0x7fffffff;
    const int32_t order = ordered((int32_t)bits);
    top = order > top ? order : top;
    size = own > size ? own : size;
  }
  const float largest = asFloat((uint32_t)ordered(top));
  if (size > 0x7f800000 || !isfinite(largest)) return undecided;
  int32_t best = 0;
  while (x[best] != largest) best++; // zeros of both signs are equal
  return best;
}

/**
 * The token at which the weights so far exceed the share `uniform` of all, or `undecided`: one of its borders is closer
 * than `margin`, a share of the sum of all weights, below which sums are off. See quick.as.ts for its size.
 */
static int32_t drawOfAll(const int isCoarse, Weights w, const float *x, int32_t width, double uniform, double margin,
                         double *sums) {
  double total = 0, before = 0;
  for (int32_t at = 0, block = 0; at < width; at += tokensOfBlock, block++)
    total += sums[block] = sumOfBlock(isCoarse, w, x + at, smaller(tokensOfBlock, width - at));
  const double target = uniform * total, doubt = margin * total;
  int32_t at = 0;
  for (; at < width && before + sums[at / tokensOfBlock] <= target; at += tokensOfBlock) before += sums[at / tokensOfBlock];
  if (at >= width) return undecided;
  double weights[tokensOfBlock];
  weightsOf(w, x + at, smaller(tokensOfBlock, width - at), weights);
  for (int32_t i = 0; i < tokensOfBlock; i++) {
    const double after = before + weights[i];
    if (after > target) return before <= target - doubt && after >= target + doubt ? at + i : undecided;
    before = after;
  }
  return undecided;
}

/** Whether every token may be drawn: a bit for each. */
static int allowsAll(const uint32_t *allowed, int32_t width) {
  uint32_t all = UINT32_MAX;
  for (int32_t word = 0; word < width / 32; word++) all &= allowed[word];
  const uint32_t rest = (1u << (width & 31)) - 1;
  return all == UINT32_MAX && (allowed[width / 32 - (rest == 0)] & rest) == rest;
}

static int32_t tokenOf(uint8_t *memory, const SampleRows *p, int32_t row, double *sums) {
  const float *x = (const float *)(memory + p->logits) + (size_t)row * (size_t)p->width;
  const float *settings = (const float *)(memory + p->settings) + 5 * (size_t)row;
  const float temperature = settings[0], topK = settings[1], topP = settings[2], minP = settings[3], penalty = settings[4];
  const size_t words = (size_t)(p->width + 31) / 32;
  if (penalty != 1 || !allowsAll((const uint32_t *)(memory + p->allowed) + (size_t)row * words, p->width)) return undecided;
  const int32_t best = likeliest(x, p->width);
  if (best == undecided || temperature == 0) return best;
  if (topK != 0 || topP != 1 || minP != 0) return undecided;
  const int32_t turn = ((const int32_t *)(memory + p->turn))[row];
  const double uniform = (double)((const float *)(memory + p->uniforms))[(size_t)row * (size_t)p->ahead + (size_t)turn];
  const Weights w = {x[best], 1.4426950408889634 / (double)temperature};
  const int32_t token = drawOfAll(1, w, x, p->width, uniform, 2e-5, sums);
  return token == undecided ? drawOfAll(0, w, x, p->width, uniform, 1e-8, sums) : token;
}

/** Writes a token that was drawn, and what follows from it. */
static void keepToken(uint8_t *memory, const SampleRows *p, int32_t row, int32_t token) {
  int32_t *turn = (int32_t *)(memory + p->turn) + row;
  const size_t words = (size_t)(p->width + 31) / 32;
  uint32_t *seen = (uint32_t *)(memory + p->seen) + (size_t)row * words;
  ((int32_t *)(memory + p->tokens))[(size_t)row * (size_t)p->ahead + (size_t)*turn] = token;
  ((int32_t *)(memory + p->next))[row] = token;
  ((int32_t *)(memory + p->position))[row] += 1;
  *turn = (*turn + 1) % p->ahead;
  seen[token / 32] |= 1u << (token & 31);
}

/** All rows of a piece, or none: 0. */
static int sampleRows(uint8_t *memory, const SampleRows *p, int32_t piece, int32_t pieces) {
  const int32_t from = shareStart(p->rows, 1, piece, pieces), end = shareStart(p->rows, 1, piece + 1, pieces);
  int32_t tokens[rowsOfPiece];
  double *sums = scratch(sizeof(double) * (size_t)(p->width / tokensOfBlock + 1));
  if (!sums || end - from > rowsOfPiece) return 0;
  for (int32_t row = from; row < end; row++) {
    tokens[row - from] = tokenOf(memory, p, row, sums);
    if (tokens[row - from] == undecided) return 0;
  }
  for (int32_t row = from; row < end; row++) keepToken(memory, p, row, tokens[row - from]);
  return 1;
}
