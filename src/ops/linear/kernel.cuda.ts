import type { Launch } from '../../kernels/cuda/launch.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';

const warps = 8;

/** y [rows, out] = x [rows, width] · Wᵀ for few rows: a warp takes a row of weights once for all rows of x. */
export function thinProduct(
  x: Tensor,
  { weight, scales }: { readonly weight: Tensor; readonly scales: Tensor | undefined },
  y: Tensor,
): Launch {
  const [rows, width, out] = [rowsOf(x), widthOf(x), widthOf(y)];
  const isWide = width % 4 === 0;
  const four = `
    for (unsigned c = 4 * lane; c < width; c += 128) {
      const float4 weights = fourOf(weight + (size_t)o * width + c);
      for (unsigned row = 0; row < ${rows}; row++) sums[row] += dot(*(const float4*)(x + row * width + c), weights);
    }`;
  const one = `
    for (unsigned c = lane; c < width; c += 32) {
      const float value = toFloat(weight[(size_t)o * width + c]);
      for (unsigned row = 0; row < ${rows}; row++) sums[row] += x[row * width + c] * value;
    }`;
  return {
    kernel: `thinProduct.${weight.dtype}.${rows}`,
    functions: fourOf,
    body: `
  const unsigned o = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x % 32;
  if (o >= out) return;
  float sums[${rows}] = {};
  ${isWide ? four : one}
  for (unsigned row = 0; row < ${rows}; row++) {
    const float sum = warpSum(sums[row]) * (scales ? scales[o] : 1.f);
    if (lane == 0) y[row * out + o] = sum;
  }`,
    tensors: { x, weight, scales, y },
    numbers: { width, out },
    ...{ grid: [Math.ceil(out / warps), 1, 1], block: 32 * warps },
  };
}

/** Four neighbouring elements in one read. */
const fourOf = `
__device__ inline float4 fourOf(const float* x) { return *(const float4*)x; }
template <typename T> __device__ inline float4 fourOf16(const T* x) {
  const ushort4 bits = *(const ushort4*)x;
  return make_float4(toFloat(T{bits.x}), toFloat(T{bits.y}), toFloat(T{bits.z}), toFloat(T{bits.w}));
}
__device__ inline float4 fourOf(const bf16* x) { return fourOf16(x); }
__device__ inline float4 fourOf(const f16* x) { return fourOf16(x); }
__device__ inline float4 fourOf(const signed char* x) {
  const char4 bytes = *(const char4*)x;
  return make_float4((signed char)bytes.x, (signed char)bytes.y, (signed char)bytes.z, (signed char)bytes.w);
}
`;
