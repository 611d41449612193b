// Dots of whole bytes written so that V8 can fuse adjacent vectors, v and vH, into one of 256 bits: see `dotTwoRowsWide`.
// V8 starts from two stores that are neighbours, so that the sums of both halves are stored before they are added.

import { add, loadMask, planeSums, tokensTogether } from "./byteDot.as";
import { fetch, fetched } from "./planes.as";

/** Both halves of a sum. */
// @ts-ignore: decorator
@inline
function both(from: usize): v128 {
  return i32x4.add(v128.load(from), v128.load(from, 16));
}

/** `planeSums` of four sums that lie `step` bytes apart. */
// @ts-ignore: decorator
@inline
function planeSumsOf(from: usize, step: usize): v128 {
  return planeSums(both(from), both(from + step), both(from + 2 * step), both(from + 3 * step));
}

/** Bytes that the functions of this file need at `to`. */
export const bytesOfHalves: usize = 16 * 6 + 2 * 64 * 6;

/** `byteDotTwoRows` for strides that are multiples of 32. */
export function byteDotTwoRowsWide(codesA: usize, codesB: usize, q: usize, stride: i32, to: usize): void {
  const low = loadMask(0);
  const middle = loadMask(1);
  const high = loadMask(2);
  let a0 = i32x4.splat(0);
  let a0H = i32x4.splat(0);
  let a1 = i32x4.splat(0);
  let a1H = i32x4.splat(0);
  let a2 = i32x4.splat(0);
  let a2H = i32x4.splat(0);
  let aBytes = i32x4.splat(0);
  let aBytesH = i32x4.splat(0);
  let b0 = i32x4.splat(0);
  let b0H = i32x4.splat(0);
  let b1 = i32x4.splat(0);
  let b1H = i32x4.splat(0);
  let b2 = i32x4.splat(0);
  let b2H = i32x4.splat(0);
  let bBytes = i32x4.splat(0);
  let bBytesH = i32x4.splat(0);
  const end = q + <usize>stride;
  while (q < end) {
    const fetchedEnd = min(q + fetched, end);
    fetch(codesA);
    fetch(codesB);
    for (; q < fetchedEnd; q += 32) {
      const x = v128.load(q);
      const xH = v128.load(q, 16);
      const a = v128.load(codesA);
      const aH = v128.load(codesA, 16);
      a0 = add(a0, x, v128.and(a, low));
      a0H = add(a0H, xH, v128.and(aH, low));
      a1 = add(a1, x, v128.and(a, middle));
      a1H = add(a1H, xH, v128.and(aH, middle));
      a2 = add(a2, x, v128.and(a, high));
      a2H = add(a2H, xH, v128.and(aH, high));
      aBytes = add(aBytes, x, a);
      aBytesH = add(aBytesH, xH, aH);
      const b = v128.load(codesB);
      const bH = v128.load(codesB, 16);
      b0 = add(b0, x, v128.and(b, low));
      b0H = add(b0H, xH, v128.and(bH, low));
      b1 = add(b1, x, v128.and(b, middle));
      b1H = add(b1H, xH, v128.and(bH, middle));
      b2 = add(b2, x, v128.and(b, high));
      b2H = add(b2H, xH, v128.and(bH, high));
      bBytes = add(bBytes, x, b);
      bBytesH = add(bBytesH, xH, bH);
      codesA += 32;
      codesB += 32;
    }
  }
  const sums = to + 32;
  v128.store(sums, a0);
  v128.store(sums, a0H, 16);
  v128.store(sums, a1, 32);
  v128.store(sums, a1H, 48);
  v128.store(sums, a2, 64);
  v128.store(sums, a2H, 80);
  v128.store(sums, aBytes, 96);
  v128.store(sums, aBytesH, 112);
  v128.store(sums, b0, 128);
  v128.store(sums, b0H, 144);
  v128.store(sums, b1, 160);
  v128.store(sums, b1H, 176);
  v128.store(sums, b2, 192);
  v128.store(sums, b2H, 208);
  v128.store(sums, bBytes, 224);
  v128.store(sums, bBytesH, 240);
  v128.store(to, planeSumsOf(sums, 32));
  v128.store(to, planeSumsOf(sums + 128, 32), 16);
}

/** `byteDotSixTokens` for strides that are multiples of 32. */
export function byteDotSixTokensWide(planes: usize, q: usize, stride: i32, to: usize): void {
  const sums = to + 16 * tokensTogether;
  sumTwoPlanesWide(planes, q, stride, sums);
  sumTwoPlanesWide(planes + 2 * <usize>stride, q, stride, sums + 64);
  for (let t: usize = 0; t < <usize>tokensTogether; t++) v128.store(to + 16 * t, planeSumsOf(sums + 128 * t, 32));
}

/** `sumTwoPlanes` for fused vectors: 64 bytes of sums for each row of activations, 128 bytes apart. */
function sumTwoPlanesWide(first: usize, q: usize, stride: i32, to: usize): void {
  const step = <usize>stride;
  const second = first + step;
  const q1 = q + 1 * step;
  const q2 = q + 2 * step;
  const q3 = q + 3 * step;
  const q4 = q + 4 * step;
  const q5 = q + 5 * step;
  let a0 = i32x4.splat(0);
  let a0H = i32x4.splat(0);
  let b0 = i32x4.splat(0);
  let b0H = i32x4.splat(0);
  let a1 = i32x4.splat(0);
  let a1H = i32x4.splat(0);
  let b1 = i32x4.splat(0);
  let b1H = i32x4.splat(0);
  let a2 = i32x4.splat(0);
  let a2H = i32x4.splat(0);
  let b2 = i32x4.splat(0);
  let b2H = i32x4.splat(0);
  let a3 = i32x4.splat(0);
  let a3H = i32x4.splat(0);
  let b3 = i32x4.splat(0);
  let b3H = i32x4.splat(0);
  let a4 = i32x4.splat(0);
  let a4H = i32x4.splat(0);
  let b4 = i32x4.splat(0);
  let b4H = i32x4.splat(0);
  let a5 = i32x4.splat(0);
  let a5H = i32x4.splat(0);
  let b5 = i32x4.splat(0);
  let b5H = i32x4.splat(0);
  for (let i: usize = 0; i < step; i += 32) {
    const a = v128.load(first + i);
    const aH = v128.load(first + i, 16);
    const b = v128.load(second + i);
    const bH = v128.load(second + i, 16);
    const x0 = v128.load(q + i);
    const x0H = v128.load(q + i, 16);
    a0 = add(a0, x0, a);
    a0H = add(a0H, x0H, aH);
    b0 = add(b0, x0, b);
    b0H = add(b0H, x0H, bH);
    const x1 = v128.load(q1 + i);
    const x1H = v128.load(q1 + i, 16);
    a1 = add(a1, x1, a);
    a1H = add(a1H, x1H, aH);
    b1 = add(b1, x1, b);
    b1H = add(b1H, x1H, bH);
    const x2 = v128.load(q2 + i);
    const x2H = v128.load(q2 + i, 16);
    a2 = add(a2, x2, a);
    a2H = add(a2H, x2H, aH);
    b2 = add(b2, x2, b);
    b2H = add(b2H, x2H, bH);
    const x3 = v128.load(q3 + i);
    const x3H = v128.load(q3 + i, 16);
    a3 = add(a3, x3, a);
    a3H = add(a3H, x3H, aH);
    b3 = add(b3, x3, b);
    b3H = add(b3H, x3H, bH);
    const x4 = v128.load(q4 + i);
    const x4H = v128.load(q4 + i, 16);
    a4 = add(a4, x4, a);
    a4H = add(a4H, x4H, aH);
    b4 = add(b4, x4, b);
    b4H = add(b4H, x4H, bH);
    const x5 = v128.load(q5 + i);
    const x5H = v128.load(q5 + i, 16);
    a5 = add(a5, x5, a);
    a5H = add(a5H, x5H, aH);
    b5 = add(b5, x5, b);
    b5H = add(b5H, x5H, bH);
  }
  v128.store(to, a0);
  v128.store(to, a0H, 16);
  v128.store(to, b0, 32);
  v128.store(to, b0H, 48);
  v128.store(to, a1, 128);
  v128.store(to, a1H, 144);
  v128.store(to, b1, 160);
  v128.store(to, b1H, 176);
  v128.store(to, a2, 256);
  v128.store(to, a2H, 272);
  v128.store(to, b2, 288);
  v128.store(to, b2H, 304);
  v128.store(to, a3, 384);
  v128.store(to, a3H, 400);
  v128.store(to, b3, 416);
  v128.store(to, b3H, 432);
  v128.store(to, a4, 512);
  v128.store(to, a4H, 528);
  v128.store(to, b4, 544);
  v128.store(to, b4H, 560);
  v128.store(to, a5, 640);
  v128.store(to, a5H, 656);
  v128.store(to, b5, 672);
  v128.store(to, b5H, 688);
}
