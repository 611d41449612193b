// The inner loops of the ternary product: sums of int8 activations over packed rows, in exact integers.
//
// A byte of a packed row holds the codes (value + 1) of four output rows, two bits each. Masked in place, the
// codes of one output row are a bit plane: {0, 1, 2} or, one plane up, {0, 4, 8}, whose sums are scaled back at
// the end. Multiplying by a code selects 0, q or 2q: the machine's dot instruction is used as an adder.
// Sixteen bytes, 64 codes, cost 13 vector instructions and a load: a shift, four masks, four dots, four sums.
//
// Each function leaves two vectors at `to`: Σ q·code of the four planes, of A, then of B. It keeps partial sums
// there meanwhile.

import { fetch, fetched, sumsOfLanes } from "./planes.as";

/** Bytes of the partial sums of a packed row: 4 planes of 32 bytes. */
const sumBytes: usize = 128;

/**
 * Columns whose products 16-bit lanes can accumulate before they overflow. A lane takes two columns of every vector of
 * 16. A product is at most 128·8 in magnitude in the planes of {0, 4, 8}, so that 16 vectors reach −32,768 but never
 * +32,768, and a quarter of that in the planes of {0, 1, 2}.
 */
const highColumns: usize = 16 * 16; // as many as are fetched at a time
const lowColumns: usize = 64 * 16;

/** Plane masks, 3 and 12 in every byte. Loaded from memory: a constant would be built again at every use. */
const masks = memory.data<u32>([0x03030303, 0x0c0c0c0c]);

/** Products of int8 activations with codes, added in pairs: eight 16-bit sums. */
// @ts-ignore: decorator
@inline
export function pairs(q: v128, codes: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i16x8.relaxed_dot_i8x16_i7x16_s(q, codes);
  return i16x8.add(i16x8.extmul_low_i8x16_s(q, codes), i16x8.extmul_high_i8x16_s(q, codes));
}

/**
 * Adds 16-bit sums to the 32-bit sums at `to`. Those stay in memory: in registers they would displace the 16-bit sums.
 */
// @ts-ignore: decorator
@inline
function addTo(to: usize, pairs: v128): void {
  v128.store(to, i32x4.add(v128.load(to), i32x4.extadd_pairwise_i16x8_s(pairs)));
}

/** The same for the two halves of a wide vector. */
// @ts-ignore: decorator
@inline
function addBothTo(to: usize, pairs: v128, pairsH: v128): void {
  const sums = i32x4.add(v128.load(to), i32x4.extadd_pairwise_i16x8_s(pairs));
  const sumsH = i32x4.add(v128.load(to, 16), i32x4.extadd_pairwise_i16x8_s(pairsH));
  v128.store(to, sums);
  v128.store(to, sumsH, 16);
}

// @ts-ignore: decorator
@inline
export function clear(to: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) v128.store(to + i, i32x4.splat(0));
}

/** From partial sums to those of the planes, of A and of B. */
function finishSums(to: usize): void {
  v128.store(to, planeSums(to));
  v128.store(to, planeSums(to + sumBytes), 16);
}

function planeSums(from: usize): v128 {
  const p0 = i32x4.add(v128.load(from), v128.load(from, 16));
  const p1 = i32x4.add(v128.load(from, 32), v128.load(from, 48));
  const p2 = i32x4.add(v128.load(from, 64), v128.load(from, 80));
  const p3 = i32x4.add(v128.load(from, 96), v128.load(from, 112));
  const sums = sumsOfLanes(p0, p1, p2, p3);
  return i32x4.shuffle(sums, i32x4.shr_s(sums, 2), 0, 5, 2, 7);
}

/** Two packed rows with one row of activations: partial sums of row A, then of row B. */
export function dotTwoRows(codesA: usize, codesB: usize, q: usize, stride: i32, to: usize): void {
  clear(to, 2 * sumBytes);
  const low = v128.load32_splat(masks);
  const high = v128.load32_splat(masks, 4);
  const end = q + <usize>stride;
  while (q < end) {
    const lowEnd = min(q + lowColumns, end);
    let a0 = i16x8.splat(0);
    let a2 = i16x8.splat(0);
    let b0 = i16x8.splat(0);
    let b2 = i16x8.splat(0);
    while (q < lowEnd) {
      const highEnd = min(q + highColumns, lowEnd);
      fetch(codesA);
      fetch(codesB);
      let a1 = i16x8.splat(0);
      let a3 = i16x8.splat(0);
      let b1 = i16x8.splat(0);
      let b3 = i16x8.splat(0);
      for (; q < highEnd; q += 16) {
        const x = v128.load(q);
        const a = v128.load(codesA);
        a0 = i16x8.add(a0, pairs(x, v128.and(a, low)));
        a1 = i16x8.add(a1, pairs(x, v128.and(a, high)));
        const aHigh = i16x8.shr_u(a, 4);
        a2 = i16x8.add(a2, pairs(x, v128.and(aHigh, low)));
        a3 = i16x8.add(a3, pairs(x, v128.and(aHigh, high)));
        const b = v128.load(codesB);
        b0 = i16x8.add(b0, pairs(x, v128.and(b, low)));
        b1 = i16x8.add(b1, pairs(x, v128.and(b, high)));
        const bHigh = i16x8.shr_u(b, 4);
        b2 = i16x8.add(b2, pairs(x, v128.and(bHigh, low)));
        b3 = i16x8.add(b3, pairs(x, v128.and(bHigh, high)));
        codesA += 16;
        codesB += 16;
      }
      addTo(to + 32, a1);
      addTo(to + 96, a3);
      addTo(to + 160, b1);
      addTo(to + 224, b3);
    }
    addTo(to, a0);
    addTo(to + 64, a2);
    addTo(to + 128, b0);
    addTo(to + 192, b2);
  }
  finishSums(to);
}

/**
 * The same, written so that V8 can fuse adjacent vectors, v and vH, into one of 256 bits. That halves the instructions;
 * without fusing there are too many values for the registers.
 */
export function dotTwoRowsWide(codesA: usize, codesB: usize, q: usize, stride: i32, to: usize): void {
  clear(to, 2 * sumBytes);
  const low = v128.load32_splat(masks);
  const high = v128.load32_splat(masks, 4);
  // A pair of vectors at a time; with an odd number of vectors, the last one follows.
  const end = q + (<usize>stride & ~31);
  while (q < end) {
    const lowEnd = min(q + 2 * lowColumns, end);
    let a0 = i16x8.splat(0);
    let a0H = i16x8.splat(0);
    let a2 = i16x8.splat(0);
    let a2H = i16x8.splat(0);
    let b0 = i16x8.splat(0);
    let b0H = i16x8.splat(0);
    let b2 = i16x8.splat(0);
    let b2H = i16x8.splat(0);
    while (q < lowEnd) {
      const highEnd = min(q + 2 * highColumns, lowEnd);
      fetch(codesA);
      fetch(codesA + fetched);
      fetch(codesB);
      fetch(codesB + fetched);
      let a1 = i16x8.splat(0);
      let a1H = i16x8.splat(0);
      let a3 = i16x8.splat(0);
      let a3H = i16x8.splat(0);
      let b1 = i16x8.splat(0);
      let b1H = i16x8.splat(0);
      let b3 = i16x8.splat(0);
      let b3H = i16x8.splat(0);
      for (; q < highEnd; q += 32) {
        const x = v128.load(q);
        const xH = v128.load(q, 16);
        const a = v128.load(codesA);
        const aH = v128.load(codesA, 16);
        a0 = i16x8.add(a0, pairs(x, v128.and(a, low)));
        a0H = i16x8.add(a0H, pairs(xH, v128.and(aH, low)));
        a1 = i16x8.add(a1, pairs(x, v128.and(a, high)));
        a1H = i16x8.add(a1H, pairs(xH, v128.and(aH, high)));
        const aHigh = i16x8.shr_u(a, 4);
        const aHighH = i16x8.shr_u(aH, 4);
        a2 = i16x8.add(a2, pairs(x, v128.and(aHigh, low)));
        a2H = i16x8.add(a2H, pairs(xH, v128.and(aHighH, low)));
        a3 = i16x8.add(a3, pairs(x, v128.and(aHigh, high)));
        a3H = i16x8.add(a3H, pairs(xH, v128.and(aHighH, high)));
        const b = v128.load(codesB);
        const bH = v128.load(codesB, 16);
        b0 = i16x8.add(b0, pairs(x, v128.and(b, low)));
        b0H = i16x8.add(b0H, pairs(xH, v128.and(bH, low)));
        b1 = i16x8.add(b1, pairs(x, v128.and(b, high)));
        b1H = i16x8.add(b1H, pairs(xH, v128.and(bH, high)));
        const bHigh = i16x8.shr_u(b, 4);
        const bHighH = i16x8.shr_u(bH, 4);
        b2 = i16x8.add(b2, pairs(x, v128.and(bHigh, low)));
        b2H = i16x8.add(b2H, pairs(xH, v128.and(bHighH, low)));
        b3 = i16x8.add(b3, pairs(x, v128.and(bHigh, high)));
        b3H = i16x8.add(b3H, pairs(xH, v128.and(bHighH, high)));
        codesA += 32;
        codesB += 32;
      }
      addBothTo(to + 32, a1, a1H);
      addBothTo(to + 96, a3, a3H);
      addBothTo(to + 160, b1, b1H);
      addBothTo(to + 224, b3, b3H);
    }
    addBothTo(to, a0, a0H);
    addBothTo(to + 64, a2, a2H);
    addBothTo(to + 128, b0, b0H);
    addBothTo(to + 192, b2, b2H);
  }
  if (stride & 16) {
    addVector(v128.load(q), v128.load(codesA), to);
    addVector(v128.load(q), v128.load(codesB), to + sumBytes);
  }
  finishSums(to);
}

/** One vector of activations and of a packed row. */
function addVector(x: v128, codes: v128, to: usize): void {
  const low = v128.load32_splat(masks);
  const high = v128.load32_splat(masks, 4);
  const shifted = i16x8.shr_u(codes, 4);
  addTo(to, pairs(x, v128.and(codes, low)));
  addTo(to + 32, pairs(x, v128.and(codes, high)));
  addTo(to + 64, pairs(x, v128.and(shifted, low)));
  addTo(to + 96, pairs(x, v128.and(shifted, high)));
}

/** One packed row with two rows of activations: partial sums with row A, then with row B. */
export function dotTwoTokens(codes: usize, qA: usize, qB: usize, stride: i32, to: usize): void {
  clear(to, 2 * sumBytes);
  const low = v128.load32_splat(masks);
  const high = v128.load32_splat(masks, 4);
  const end = qA + <usize>stride;
  while (qA < end) {
    const lowEnd = min(qA + lowColumns, end);
    let a0 = i16x8.splat(0);
    let a2 = i16x8.splat(0);
    let b0 = i16x8.splat(0);
    let b2 = i16x8.splat(0);
    while (qA < lowEnd) {
      const highEnd = min(qA + highColumns, lowEnd);
      let a1 = i16x8.splat(0);
      let a3 = i16x8.splat(0);
      let b1 = i16x8.splat(0);
      let b3 = i16x8.splat(0);
      for (; qA < highEnd; qA += 16) {
        const w = v128.load(codes);
        const x = v128.load(qA);
        const y = v128.load(qB);
        const w0 = v128.and(w, low);
        a0 = i16x8.add(a0, pairs(x, w0));
        b0 = i16x8.add(b0, pairs(y, w0));
        const w1 = v128.and(w, high);
        a1 = i16x8.add(a1, pairs(x, w1));
        b1 = i16x8.add(b1, pairs(y, w1));
        const shifted = i16x8.shr_u(w, 4);
        const w2 = v128.and(shifted, low);
        a2 = i16x8.add(a2, pairs(x, w2));
        b2 = i16x8.add(b2, pairs(y, w2));
        const w3 = v128.and(shifted, high);
        a3 = i16x8.add(a3, pairs(x, w3));
        b3 = i16x8.add(b3, pairs(y, w3));
        qB += 16;
        codes += 16;
      }
      addTo(to + 32, a1);
      addTo(to + 96, a3);
      addTo(to + 160, b1);
      addTo(to + 224, b3);
    }
    addTo(to, a0);
    addTo(to + 64, a2);
    addTo(to + 128, b0);
    addTo(to + 192, b2);
  }
  finishSums(to);
}

/** The same, written for fused vectors as `dotTwoRowsWide` is. */
export function dotTwoTokensWide(codes: usize, qA: usize, qB: usize, stride: i32, to: usize): void {
  clear(to, 2 * sumBytes);
  const low = v128.load32_splat(masks);
  const high = v128.load32_splat(masks, 4);
  const end = qA + (<usize>stride & ~31);
  while (qA < end) {
    const lowEnd = min(qA + 2 * lowColumns, end);
    let a0 = i16x8.splat(0);
    let a0H = i16x8.splat(0);
    let a2 = i16x8.splat(0);
    let a2H = i16x8.splat(0);
    let b0 = i16x8.splat(0);
    let b0H = i16x8.splat(0);
    let b2 = i16x8.splat(0);
    let b2H = i16x8.splat(0);
    while (qA < lowEnd) {
      const highEnd = min(qA + 2 * highColumns, lowEnd);
      let a1 = i16x8.splat(0);
      let a1H = i16x8.splat(0);
      let a3 = i16x8.splat(0);
      let a3H = i16x8.splat(0);
      let b1 = i16x8.splat(0);
      let b1H = i16x8.splat(0);
      let b3 = i16x8.splat(0);
      let b3H = i16x8.splat(0);
      for (; qA < highEnd; qA += 32) {
        const w = v128.load(codes);
        const wH = v128.load(codes, 16);
        const x = v128.load(qA);
        const xH = v128.load(qA, 16);
        const y = v128.load(qB);
        const yH = v128.load(qB, 16);
        const w0 = v128.and(w, low);
        const w0H = v128.and(wH, low);
        a0 = i16x8.add(a0, pairs(x, w0));
        a0H = i16x8.add(a0H, pairs(xH, w0H));
        b0 = i16x8.add(b0, pairs(y, w0));
        b0H = i16x8.add(b0H, pairs(yH, w0H));
        const w1 = v128.and(w, high);
        const w1H = v128.and(wH, high);
        a1 = i16x8.add(a1, pairs(x, w1));
        a1H = i16x8.add(a1H, pairs(xH, w1H));
        b1 = i16x8.add(b1, pairs(y, w1));
        b1H = i16x8.add(b1H, pairs(yH, w1H));
        const shifted = i16x8.shr_u(w, 4);
        const shiftedH = i16x8.shr_u(wH, 4);
        const w2 = v128.and(shifted, low);
        const w2H = v128.and(shiftedH, low);
        a2 = i16x8.add(a2, pairs(x, w2));
        a2H = i16x8.add(a2H, pairs(xH, w2H));
        b2 = i16x8.add(b2, pairs(y, w2));
        b2H = i16x8.add(b2H, pairs(yH, w2H));
        const w3 = v128.and(shifted, high);
        const w3H = v128.and(shiftedH, high);
        a3 = i16x8.add(a3, pairs(x, w3));
        a3H = i16x8.add(a3H, pairs(xH, w3H));
        b3 = i16x8.add(b3, pairs(y, w3));
        b3H = i16x8.add(b3H, pairs(yH, w3H));
        qB += 32;
        codes += 32;
      }
      addBothTo(to + 32, a1, a1H);
      addBothTo(to + 96, a3, a3H);
      addBothTo(to + 160, b1, b1H);
      addBothTo(to + 224, b3, b3H);
    }
    addBothTo(to, a0, a0H);
    addBothTo(to + 64, a2, a2H);
    addBothTo(to + 128, b0, b0H);
    addBothTo(to + 192, b2, b2H);
  }
  if (stride & 16) {
    addVector(v128.load(qA), v128.load(codes), to);
    addVector(v128.load(qB), v128.load(codes), to + sumBytes);
  }
  finishSums(to);
}
