/** Rows of a source in registers: what both directions of fused rows share. */
import type { LaunchShape } from '../../../kernels/cuda/launch.ts';
import type { Units } from '../../../ops/mlgru/kernel.cuda.ts';
import { type RowSource, sourceWidth } from '../../webgpu/fused/rowSource.ts';

/** How the threads of a block share a row, in vectors of four columns: each thread has `loads` of them. */
export interface RowCut {
  readonly fours: number;
  readonly threads: number;
  readonly loads: number;
}

/** Threads for a source's rows, each with about `each` vectors. */
export function cutOf(source: RowSource, each: number): RowCut {
  const fours = sourceWidth(source) / 4;
  const threads = Math.min(Math.max(32 * Math.ceil(fours / each / 32), 32), 512);
  return { fours, threads, loads: Math.ceil(fours / threads) };
}

export function overCut({ threads }: RowCut, blocks: number): LaunchShape {
  return { grid: [Math.max(blocks, 1), 1, 1], block: threads };
}

/** `body` for each of a thread's vectors `k` that the row has; `at` is its place in the row. */
export function eachVector({ fours, threads, loads }: RowCut, body: string): string {
  const condition = fours % threads ? `if (at < ${fours}) ` : '';
  return `
    #pragma unroll
    for (int k = 0; k < ${loads}; k++) {
      const unsigned at = threadIdx.x + k * ${threads};
      ${condition}{ ${body} }
    }`;
}

/** Vectors of a row of `fours` vectors of a tensor. */
export const rowFunctions = `
__device__ inline float4& four(const float* x, unsigned row, unsigned fours, unsigned at) {
  return ((float4*)x)[(size_t)row * fours + at];
}
__device__ inline float4 scaledFour(const float* x, unsigned row, unsigned fours, unsigned at, float unit) {
  // Read as the type as which results may be written there, or the compiler would take them for different memory.
  const float4 bits = ((const float4*)x)[(size_t)row * fours + at];
  return make_float4(__float_as_int(bits.x), __float_as_int(bits.y), __float_as_int(bits.z), __float_as_int(bits.w)) * unit;
}
__device__ inline float4 sigmoid(float4 x) { return make_float4(sigmoid(x.x), sigmoid(x.y), sigmoid(x.z), sigmoid(x.w)); }
__device__ inline float4 max(float4 a, float4 b) { return make_float4(fmaxf(a.x, b.x), fmaxf(a.y, b.y), fmaxf(a.z, b.z), fmaxf(a.w, b.w)); }
__device__ inline float4 zeros() { return make_float4(0.f, 0.f, 0.f, 0.f); }
__device__ inline float4 siluSlope(float4 x, float4 s) {
  return make_float4(siluSlope(x.x, s.x), siluSlope(x.y, s.y), siluSlope(x.z, s.z), siluSlope(x.w, s.w));
}
`;

/** How a vector of x is read: floats, or int32 sums of a projection whose unit is worth `unit` in this row. */
export function readX(row: string, { fours }: RowCut, units: Units | undefined): string {
  return `${units ? 'scaledFour' : 'four'}(x, ${row}, ${fours}, at${units ? ', unit' : ''})`;
}

/** In a kernel over rows: what a unit of this row's sums is worth. */
export function unitOf(units: Units | undefined): string {
  return units ? 'const float unit = xStep[xFirst + row] * xScale[0];' : '';
}

/** A vector of what the source reads, `x`, and of u: its result but for the norm's factor. */
export function operandsOf(source: RowSource, cut: RowCut, units: Units | undefined): string {
  const { fours } = cut;
  switch (source.kind) {
    case 'rmsNorm':
      return `x_[k] = ${readX('row', cut, units)}; u[k] = x_[k] * ((const float4*)gamma)[at];`;
    case 'gatedNorm':
      return `x_[k] = ${readX('row', cut, units)}; u[k] = x_[k] * ((const float4*)gamma)[at] * silu(four(h, row, ${fours}, at));`;
    case 'swiglu':
      return `x_[k] = ${readX('2 * row', cut, units)}; u[k] = silu(x_[k]) * ${readX('2 * row + 1', cut, units)};`;
  }
}
