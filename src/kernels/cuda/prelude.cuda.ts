/**
 * Functions that kernels may call. NVRTC needs no header for them: halves are converted by instructions, so that the
 * toolkit's include folder is not needed.
 */

/** Elements of 16 bits. Both are stored as bits; a struct of its own keeps one from being taken for the other. */
const halves = `
struct f16 { unsigned short bits; };
struct bf16 { unsigned short bits; };
__device__ inline float toFloat(float x) { return x; }
__device__ inline float toFloat(int x) { return (float)x; }
__device__ inline float toFloat(signed char x) { return (float)x; }
__device__ inline float toFloat(bf16 x) { return __uint_as_float((unsigned)x.bits << 16); }
__device__ inline float toFloat(f16 x) { float y; asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits)); return y; }
__device__ inline bf16 toBf16(float x) { bf16 y; asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y.bits) : "f"(x)); return y; }
/** Larger numbers than f16 has become its largest. */
__device__ inline float withinF16(float x) { return fabsf(x) > 65504.f ? copysignf(65504.f, x) : x; }
__device__ inline f16 toF16(float x) { f16 y; asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y.bits) : "f"(withinF16(x))); return y; }
__device__ inline unsigned twoF16(float first, float second) {
  unsigned y; asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(withinF16(second)), "f"(withinF16(first))); return y;
}
/** Two bf16 in a word, the first one in its lower half. */
__device__ inline unsigned twoBf16(float first, float second) {
  unsigned y; asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(second), "f"(first)); return y;
}
`;

/**
 * σ, SiLU and SiLU' from x and σ(x). The exponent is never positive, so that nothing overflows; NaN stays NaN. The card's
 * own exponential and quotient are off by two units in the last place, and take a tenth of the time of exact ones.
 */
const activations = `
__device__ inline float sigmoid(float x) {
  const float e = __expf(-fabsf(x));
  return __fdividef(x < 0.f ? e : 1.f, 1.f + e);
}
__device__ inline float silu(float x) { return x * sigmoid(x); }
__device__ inline float siluSlope(float x, float s) { return s * (1.f + x * (1.f - s)); }
`;

/**
 * Reductions over a warp, and over a block of whole warps: every thread gets the result, always combined in the same
 * order. The barrier before the store keeps a block's next reduction from overtaking the last.
 */
const reductions = `
template <typename T> __device__ inline T warpSum(T x) {
  for (int d = 16; d; d >>= 1) x += __shfl_xor_sync(~0u, x, d);
  return x;
}
__device__ inline float warpMax(float x) {
  for (int d = 16; d; d >>= 1) x = fmaxf(x, __shfl_xor_sync(~0u, x, d));
  return x;
}
template <typename T> __device__ inline T blockSum(T x) {
  __shared__ T parts[32];
  x = warpSum(x);
  if (blockDim.x <= 32) return x;
  __syncthreads();
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = x;
  __syncthreads();
  T total = parts[0];
  for (unsigned k = 1; k < blockDim.x / 32; k++) total += parts[k];
  return total;
}
/** Several at once, with the barriers of one. */
template <int N> __device__ inline void blockSums(float (&x)[N]) {
  __shared__ float parts[N][32];
  #pragma unroll
  for (int n = 0; n < N; n++) x[n] = warpSum(x[n]);
  if (blockDim.x <= 32) return;
  __syncthreads();
  if (threadIdx.x % 32 == 0) for (int n = 0; n < N; n++) parts[n][threadIdx.x / 32] = x[n];
  __syncthreads();
  #pragma unroll
  for (int n = 0; n < N; n++) {
    x[n] = parts[n][0];
    for (unsigned k = 1; k < blockDim.x / 32; k++) x[n] += parts[n][k];
  }
}
__device__ inline float blockMax(float x) {
  __shared__ float parts[32];
  x = warpMax(x);
  if (blockDim.x <= 32) return x;
  __syncthreads();
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = x;
  __syncthreads();
  float top = parts[0];
  for (unsigned k = 1; k < blockDim.x / 32; k++) top = fmaxf(top, parts[k]);
  return top;
}
`;

/** See `Launch.beginsEarly`. Cards before Hopper begin every kernel when the one before has ended. */
const overlap = `
#if __CUDA_ARCH__ >= 900
__device__ inline void letLaterBegin() { asm volatile("griddepcontrol.launch_dependents;"); }
__device__ inline void waitForEarlier() { asm volatile("griddepcontrol.wait;" ::: "memory"); }
#else
__device__ inline void letLaterBegin() {}
__device__ inline void waitForEarlier() {}
#endif
`;

/** Four numbers at once: 16 bytes of memory, or a word of int8. */
const vectors = `
__device__ inline float4 operator*(float4 a, float4 b) { return make_float4(a.x * b.x, a.y * b.y, a.z * b.z, a.w * b.w); }
__device__ inline float4 operator*(float4 a, float b) { return make_float4(a.x * b, a.y * b, a.z * b, a.w * b); }
__device__ inline float4 operator+(float4 a, float4 b) { return make_float4(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w); }
__device__ inline float4 operator-(float4 a, float4 b) { return make_float4(a.x - b.x, a.y - b.y, a.z - b.z, a.w - b.w); }
__device__ inline float dot(float4 a, float4 b) { return a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w; }
__device__ inline float largestOf(float4 a) {
  return fmaxf(fmaxf(fabsf(a.x), fabsf(a.y)), fmaxf(fabsf(a.z), fabsf(a.w)));
}
__device__ inline float4 silu(float4 x) { return make_float4(silu(x.x), silu(x.y), silu(x.z), silu(x.w)); }
/** Exact below 2^22: sums of int8 rows with 33,000 ternary weights are. A card's own conversion takes eight times as long. */
__device__ inline float smallToFloat(int x) { return __int_as_float(x + 0x4b400000) - 12582912.f; }
__device__ inline float4 scaled(int4 x, float unit) {
  return make_float4(smallToFloat(x.x), smallToFloat(x.y), smallToFloat(x.z), smallToFloat(x.w)) * unit;
}
/** Four numbers of at most 127 in magnitude, each rounded to the nearest int8, of two equally near ones to the even one. */
__device__ inline unsigned roundToInt8(float4 x) {
  const unsigned a = __float_as_uint(x.x + 12582912.f), b = __float_as_uint(x.y + 12582912.f);
  const unsigned c = __float_as_uint(x.z + 12582912.f), d = __float_as_uint(x.w + 12582912.f);
  return __byte_perm(__byte_perm(a, b, 0x0040), __byte_perm(c, d, 0x0040), 0x5410);
}
/** The products of four int8 each, added to a sum. Compilers before 12.4 lack __dp4a without the toolkit's headers. */
__device__ inline int dot4(int a, int b, int sum) {
#if __CUDACC_VER_MAJOR__ == 12 && __CUDACC_VER_MINOR__ < 4
  int y; asm("dp4a.s32.s32 %0, %1, %2, %3;" : "=r"(y) : "r"(a), "r"(b), "r"(sum)); return y;
#else
  return __dp4a(a, b, sum);
#endif
}
/** Stores in the type of the memory, of which at counts elements, or vectors of four. */
__device__ inline void store(float* y, size_t at, float value) { y[at] = value; }
__device__ inline void store(bf16* y, size_t at, float value) { y[at] = toBf16(value); }
__device__ inline void store(f16* y, size_t at, float value) { y[at] = toF16(value); }
__device__ inline void storeFour(float* y, size_t at, float4 value) { ((float4*)y)[at] = value; }
__device__ inline void storeFour(bf16* y, size_t at, float4 v) { ((uint2*)y)[at] = make_uint2(twoBf16(v.x, v.y), twoBf16(v.z, v.w)); }
__device__ inline void storeFour(f16* y, size_t at, float4 v) { ((uint2*)y)[at] = make_uint2(twoF16(v.x, v.y), twoF16(v.z, v.w)); }
/** Rounds to the nearest int8, of two equally near ones to the even one. */
__device__ inline int toInt8(float x) { return min(max(__float2int_rn(x), -128), 127); }
__device__ inline unsigned packInt8(int a, int b, int c, int d) {
  return (a & 255) | (b & 255) << 8 | (c & 255) << 16 | (unsigned)d << 24;
}
`;

/** Tensors or numbers that a kernel finds by their place. */
const lists = `
template <typename T, int N> struct List { T at[N]; };
`;

export const prelude = halves + activations + reductions + overlap + vectors + lists;
