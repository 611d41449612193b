/** What several sums and maxima over a row take: one barrier, in which a block's warps hand over all of them. */
export const overRowFunctions = `
__device__ inline int warpTotal(int x) { return __reduce_add_sync(~0u, x); }
/** Of floats that are not negative: their bits are in their order. */
__device__ inline float warpLargest(float x) { return __uint_as_float(__reduce_max_sync(~0u, __float_as_uint(x))); }
template <int SUMS> __device__ inline float overWarp(int n, float x) { return n < SUMS ? warpSum(x) : warpLargest(x); }
/**
 * Over the threads of a row, a warp or W of them: the first SUMS numbers are added, of the others, which are not negative,
 * each thread gets the largest. The next call must not take the same parts.
 */
template <int SUMS, int N, int W> __device__ inline void overRow(float (&x)[N], float (&parts)[N][W]) {
  const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  #pragma unroll
  for (int n = 0; n < N; n++) x[n] = overWarp<SUMS>(n, x[n]);
  if (W == 1) return;
  if (lane == 0)
    #pragma unroll
    for (int n = 0; n < N; n++) parts[n][warp] = x[n];
  __syncthreads();
  #pragma unroll
  for (int n = 0; n < N; n++) x[n] = overWarp<SUMS>(n, lane < W ? parts[n][lane] : 0.f);
}
`;
