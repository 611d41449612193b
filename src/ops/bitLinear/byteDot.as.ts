// The ternary product for machines with a dot instruction for whole bytes (VNNI), which multiplies four signed bytes
// with four unsigned ones and adds all four products to a 32-bit sum, exactly. There are no 16-bit sums to flush, and a
// packed byte needs no mask for its upper plane: the sum of q·byte, minus those of the three lower planes, is 64 times the
// upper plane's. Sixteen bytes, 64 codes, cost 7 vector instructions and a load: three masks and four dots.

import { fetch, fetched, sumsOfLanes } from "./planes.as";

/** Masks of the three lower planes in every byte. Loaded from memory: a constant would be built again at every use. */
const masks = memory.data<u32>([0x03030303, 0x0c0c0c0c, 0x30303030]);

/** The longest rows whose sums of q·byte, 64·3·128 a column, stay within 32 bits. */
export const longestByteRow: i32 = 1 << 16;

/** q and bytes with the largest possible products: exact only if no 16-bit sum saturates on the way. */
const largest = memory.data<u32>([0x80808080, 0xffffffff]);

/** The mask of one of the three lower planes. */
// @ts-ignore: decorator
@inline
export function loadMask(plane: usize): v128 {
  return v128.load32_splat(masks + 4 * plane);
}

// @ts-ignore: decorator
@inline
export function add(sum: v128, q: v128, codes: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i32x4.relaxed_dot_i8x16_i7x16_add_s(q, codes, sum);
  return sum; // never reached, because `hasByteDots` is false
}

/**
 * Whether this machine's relaxed dot treats its second operand as unsigned bytes of eight bits, where the standard
 * promises seven, and adds four products without saturating.
 */
export function hasByteDots(): bool {
  const sum = add(i32x4.splat(0), v128.load32_splat(largest), v128.load32_splat(largest, 4));
  return i32x4.extract_lane(sum, 0) == 4 * -128 * 255;
}

/** Σ q·code of each of the four planes, from the sums of three planes in place and of whole bytes. */
// @ts-ignore: decorator
@inline
export function planeSums(s0: v128, s1: v128, s2: v128, bytes: v128): v128 {
  const s3 = i32x4.sub(i32x4.sub(bytes, s0), i32x4.add(s1, s2));
  const sums = sumsOfLanes(s0, s1, s2, s3);
  const scaled = i32x4.shuffle(sums, i32x4.shr_s(sums, 2), 0, 5, 2, 7);
  return i32x4.shuffle(scaled, i32x4.shr_s(scaled, 4), 0, 1, 6, 7);
}

/** Two packed rows with one row of activations: the four plane sums of row A, then of row B. */
export function byteDotTwoRows(codesA: usize, codesB: usize, q: usize, stride: i32, to: usize): void {
  const low = loadMask(0);
  const middle = loadMask(1);
  const high = loadMask(2);
  let a0 = i32x4.splat(0);
  let a1 = i32x4.splat(0);
  let a2 = i32x4.splat(0);
  let aBytes = i32x4.splat(0);
  let b0 = i32x4.splat(0);
  let b1 = i32x4.splat(0);
  let b2 = i32x4.splat(0);
  let bBytes = i32x4.splat(0);
  const end = q + <usize>stride;
  while (q < end) {
    const fetchedEnd = min(q + fetched, end);
    fetch(codesA);
    fetch(codesB);
    for (; q < fetchedEnd; q += 16) {
      const x = v128.load(q);
      const a = v128.load(codesA);
      a0 = add(a0, x, v128.and(a, low));
      a1 = add(a1, x, v128.and(a, middle));
      a2 = add(a2, x, v128.and(a, high));
      aBytes = add(aBytes, x, a);
      const b = v128.load(codesB);
      b0 = add(b0, x, v128.and(b, low));
      b1 = add(b1, x, v128.and(b, middle));
      b2 = add(b2, x, v128.and(b, high));
      bBytes = add(bBytes, x, b);
      codesA += 16;
      codesB += 16;
    }
  }
  v128.store(to, planeSums(a0, a1, a2, aBytes));
  v128.store(to, planeSums(b0, b1, b2, bBytes), 16);
}

/** One packed row with two rows of activations: the four plane sums with row A, then with row B. */
export function byteDotTwoTokens(codes: usize, qA: usize, qB: usize, stride: i32, to: usize): void {
  const low = loadMask(0);
  const middle = loadMask(1);
  const high = loadMask(2);
  let a0 = i32x4.splat(0);
  let a1 = i32x4.splat(0);
  let a2 = i32x4.splat(0);
  let aBytes = i32x4.splat(0);
  let b0 = i32x4.splat(0);
  let b1 = i32x4.splat(0);
  let b2 = i32x4.splat(0);
  let bBytes = i32x4.splat(0);
  const end = qA + <usize>stride;
  for (; qA < end; qA += 16) {
    const w = v128.load(codes);
    const x = v128.load(qA);
    const y = v128.load(qB);
    const w0 = v128.and(w, low);
    a0 = add(a0, x, w0);
    b0 = add(b0, y, w0);
    const w1 = v128.and(w, middle);
    a1 = add(a1, x, w1);
    b1 = add(b1, y, w1);
    const w2 = v128.and(w, high);
    a2 = add(a2, x, w2);
    b2 = add(b2, y, w2);
    aBytes = add(aBytes, x, w);
    bBytes = add(bBytes, y, w);
    qB += 16;
    codes += 16;
  }
  v128.store(to, planeSums(a0, a1, a2, aBytes));
  v128.store(to, planeSums(b0, b1, b2, bBytes), 16);
}

/** Rows of activations that `byteDotSixTokens` takes, and bytes that it needs at `to`. */
export const tokensTogether: i32 = 6;

/** A packed row as four rows: its three lower planes in place, and its bytes. */
export function unpackPlanes(codes: usize, stride: i32, to: usize): void {
  const low = loadMask(0);
  const middle = loadMask(1);
  const high = loadMask(2);
  const plane = <usize>stride;
  const end = to + plane;
  for (; to < end; to += 16) {
    const w = v128.load(codes);
    v128.store(to, v128.and(w, low));
    v128.store(to + plane, v128.and(w, middle));
    v128.store(to + 2 * plane, v128.and(w, high));
    v128.store(to + 3 * plane, w);
    codes += 16;
  }
}

/**
 * A packed row, unpacked, with six rows of activations: the four plane sums of each. Two planes at a time make twelve sums,
 * enough for the dot instruction not to wait for itself, and few enough for the registers; masks would not fit beside them.
 */
export function byteDotSixTokens(planes: usize, q: usize, stride: i32, to: usize): void {
  const between = to + 16 * tokensTogether;
  sumTwoPlanes(planes, q, stride, between);
  sumTwoPlanes(planes + 2 * <usize>stride, q, stride, between + 32 * tokensTogether);
  for (let t: usize = 0; t < <usize>tokensTogether; t++) {
    const low = between + 32 * t;
    const high = low + 32 * tokensTogether;
    v128.store(to + 16 * t, planeSums(v128.load(low), v128.load(low, 16), v128.load(high), v128.load(high, 16)));
  }
}

/** Sums of two planes, `stride` bytes apart, with six rows of activations. */
function sumTwoPlanes(first: usize, q: usize, stride: i32, to: usize): void {
  const step = <usize>stride;
  const second = first + step;
  const q1 = q + 1 * step;
  const q2 = q + 2 * step;
  const q3 = q + 3 * step;
  const q4 = q + 4 * step;
  const q5 = q + 5 * step;
  let a0 = i32x4.splat(0);
  let b0 = i32x4.splat(0);
  let a1 = i32x4.splat(0);
  let b1 = i32x4.splat(0);
  let a2 = i32x4.splat(0);
  let b2 = i32x4.splat(0);
  let a3 = i32x4.splat(0);
  let b3 = i32x4.splat(0);
  let a4 = i32x4.splat(0);
  let b4 = i32x4.splat(0);
  let a5 = i32x4.splat(0);
  let b5 = i32x4.splat(0);
  for (let i: usize = 0; i < step; i += 16) {
    const a = v128.load(first + i);
    const b = v128.load(second + i);
    const x0 = v128.load(q + i);
    a0 = add(a0, x0, a);
    b0 = add(b0, x0, b);
    const x1 = v128.load(q1 + i);
    a1 = add(a1, x1, a);
    b1 = add(b1, x1, b);
    const x2 = v128.load(q2 + i);
    a2 = add(a2, x2, a);
    b2 = add(b2, x2, b);
    const x3 = v128.load(q3 + i);
    a3 = add(a3, x3, a);
    b3 = add(b3, x3, b);
    const x4 = v128.load(q4 + i);
    a4 = add(a4, x4, a);
    b4 = add(b4, x4, b);
    const x5 = v128.load(q5 + i);
    a5 = add(a5, x5, a);
    b5 = add(b5, x5, b);
  }
  v128.store(to, a0);
  v128.store(to, b0, 16);
  v128.store(to, a1, 32);
  v128.store(to, b1, 48);
  v128.store(to, a2, 64);
  v128.store(to, b2, 80);
  v128.store(to, a3, 96);
  v128.store(to, b3, 112);
  v128.store(to, a4, 128);
  v128.store(to, b4, 144);
  v128.store(to, a5, 160);
  v128.store(to, b5, 176);
}
