/** Rows of a source in registers: what both directions of fused rows share. */
import type { LaunchShape } from '../../../kernels/cuda/launch.ts';
import type { Units } from '../../../ops/bitLinear/units.ts';
import { type RowSource, sourceWidth } from '../../fused/rowSource.ts';

/** How threads share a row, in vectors of four columns: each thread has `loads` of them. */
export interface RowCut {
  readonly fours: number;
  readonly threads: number;
  readonly loads: number;
  /** Rows of a block: several only if each is one warp's. */
  readonly rows: number;
}

/** Threads for a source's rows, each with about `each` vectors. */
export function cutOf(source: RowSource, each: number): RowCut {
  const fours = sourceWidth(source) / 4;
  const threads = Math.min(Math.max(32 * Math.ceil(fours / each / 32), 32), 768);
  return { fours, threads, loads: Math.ceil(fours / threads), rows: 1 };
}

/** Most vectors that a lane holds of a row that is one warp's. */
const maxWarpLoads = 8;

/** A warp for each row, which needs no barrier, if rows are short enough; else as `cutOf`. */
export function cutForWarps(source: RowSource, each: number): RowCut {
  const loads = Math.ceil(sourceWidth(source) / 4 / 32);
  return loads > maxWarpLoads
    ? cutOf(source, each)
    : { fours: sourceWidth(source) / 4, threads: 32, loads, rows: 4 };
}

/** Blocks of a processor that have room for `threads` threads in all, of which each then has registers enough. */
export function blocksWithin(threads: number, cut: RowCut): number {
  return Math.max(Math.floor(threads / (cut.threads * cut.rows)), 1);
}

/** A launch of at most `blocks` blocks over so many rows. */
export function overCut({ threads, rows }: RowCut, all: number, blocks: number): LaunchShape {
  return { grid: [Math.min(Math.max(Math.ceil(all / rows), 1), blocks), 1, 1], block: threads * rows };
}

/** In a kernel over rows: `body` for each of a warp's or block's rows, of which a thread is number `lane`. */
export function eachRowOf({ threads, rows }: RowCut, body: string): string {
  return `
  const unsigned lane = threadIdx.x % ${threads}, stride = gridDim.x * ${rows};
  for (unsigned row = blockIdx.x * ${rows} + threadIdx.x / ${threads}; row < rows; row += stride) {
    const unsigned later = row + stride;
    ${body}
  }`;
}

/** Brings what a source reads of row `later` into the cache, while threads wait for one another in this one. */
export function ahead({ kind }: RowSource, { fours }: RowCut): string {
  switch (kind) {
    case 'rmsNorm':
      return `prefetchFour(x, later, ${fours}, at);`;
    case 'gatedNorm':
      return `prefetchFour(x, later, ${fours}, at); prefetchFour(h, later, ${fours}, at);`;
    case 'swiglu':
      return `prefetchFour(x, 2 * later, ${fours}, at); prefetchFour(x, 2 * later + 1, ${fours}, at);`;
  }
}

/** The sum or maximum over the threads of a row. */
export function ofRow({ rows }: RowCut, what: 'Sum' | 'Max', value: string): string {
  return `${rows === 1 ? 'block' : 'warp'}${what}(${value})`;
}

/** `body` for each of a thread's vectors `k` that the row has; `at` is its place in the row. */
export function eachVector({ fours, threads, loads }: RowCut, body: string): string {
  const condition = fours % threads ? `if (at < ${fours}) ` : '';
  return `
    {
    #pragma unroll
    for (int k = 0; k < ${loads}; k++) {
      const unsigned at = lane + k * ${threads};
      ${condition}{ ${body} }
    }
    }`;
}

/** Vectors of a row of `fours` vectors of a tensor. */
export const rowFunctions = `
__device__ inline float4 four(const float* x, unsigned row, unsigned fours, unsigned at) {
  return ((const float4*)x)[(size_t)row * fours + at];
}
__device__ inline void prefetch(const void* x) { asm volatile("prefetch.global.L2 [%0];" :: "l"(x)); }
__device__ inline void prefetchFour(const float* x, unsigned row, unsigned fours, unsigned at) { prefetch((const float4*)x + (size_t)row * fours + at); }
__device__ inline void prefetchFour(const bf16* x, unsigned row, unsigned fours, unsigned at) { prefetch((const uint2*)x + (size_t)row * fours + at); }
__device__ inline float4 four(const bf16* x, unsigned row, unsigned fours, unsigned at) {
  const uint2 w = ((const uint2*)x)[(size_t)row * fours + at];
  return make_float4(__uint_as_float(w.x << 16), __uint_as_float(w.x & 0xffff0000u), __uint_as_float(w.y << 16), __uint_as_float(w.y & 0xffff0000u));
}
__device__ inline float4 scaledFour(const float* x, unsigned row, unsigned fours, unsigned at, float unit) {
  // Read as the type as which results may be written there, or the compiler would take them for different memory.
  const float4 bits = ((const float4*)x)[(size_t)row * fours + at];
  return scaled(make_int4(__float_as_int(bits.x), __float_as_int(bits.y), __float_as_int(bits.z), __float_as_int(bits.w)), unit);
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
