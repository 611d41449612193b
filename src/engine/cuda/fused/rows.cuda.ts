/** Rows of a source in registers: what both directions of fused rows share. */
import type { Units } from '../../../ops/bitLinear/units.ts';
import type { RowSource } from '../../fused/rowSource.ts';
import { type RowRing, vectorOf } from './rowRing.cuda.ts';

/** Four numbers from memory. What may be written to the same memory as another type is read as the bits of that type. */
export const rowFunctions = `
__device__ inline void prefetch(const void* x) { asm volatile("prefetch.global.L2 [%0];" :: "l"(x)); }
__device__ inline float4 four(const uint4* x) { return *(const float4*)x; }
__device__ inline float4 four(const uint2* x) {
  const uint2 w = *x;
  return make_float4(__uint_as_float(w.x << 16), __uint_as_float(w.x & 0xffff0000u), __uint_as_float(w.y << 16), __uint_as_float(w.y & 0xffff0000u));
}
/** Of int32 sums, whose unit is worth so much. */
__device__ inline float4 inUnits(float4 bits, float unit) {
  return scaled(make_int4(__float_as_int(bits.x), __float_as_int(bits.y), __float_as_int(bits.z), __float_as_int(bits.w)), unit);
}
__device__ inline float4 sigmoid(float4 x) { return make_float4(sigmoid(x.x), sigmoid(x.y), sigmoid(x.z), sigmoid(x.w)); }
__device__ inline float4 max(float4 a, float4 b) { return make_float4(fmaxf(a.x, b.x), fmaxf(a.y, b.y), fmaxf(a.z, b.z), fmaxf(a.w, b.w)); }
__device__ inline float4 zeros() { return make_float4(0.f, 0.f, 0.f, 0.f); }
__device__ inline float4 siluSlope(float4 x, float4 s) {
  return make_float4(siluSlope(x.x, s.x), siluSlope(x.y, s.y), siluSlope(x.z, s.z), siluSlope(x.w, s.w));
}
`;

/** In a kernel over rows: what a unit of this row's sums is worth. */
export function unitOf(units: Units | undefined): string {
  return units ? 'const float unit = xStep[xFirst + row] * xScale[0];' : '';
}

/** Vector `k` of stream `n` of a source: floats, or int32 sums of a projection whose unit is worth `unit` in this row. */
export function readX(ring: RowRing, n: number, units: Units | undefined): string {
  return units ? `inUnits(${vectorOf(ring, n)}, unit)` : vectorOf(ring, n);
}

/**
 * A vector of what the source reads, `x_`, and of u: its result but for the norm's factor.
 * @param gamma a vector of the norm's weights
 * @param to a vector that is added to x
 */
export function operandsOf(
  { kind }: RowSource,
  ring: RowRing,
  units: Units | undefined,
  gamma: string,
  to?: string,
): string {
  const x = `x_[k] = ${to ? `${to} + ` : ''}${readX(ring, 0, units)};`;
  switch (kind) {
    case 'rmsNorm':
      return `${x} u[k] = x_[k] * ${gamma};`;
    case 'gatedNorm':
      return `${x} u[k] = x_[k] * ${gamma} * silu(${vectorOf(ring, 1)});`;
    case 'swiglu':
      return `${x} u[k] = silu(x_[k]) * ${readX(ring, 1, units)};`;
  }
}
