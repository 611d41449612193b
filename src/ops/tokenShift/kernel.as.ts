import { Optional } from "../../kernels/cpu/optional.as";
import { slotOf } from "../../kernels/cpu/slots.as";
import { floatAt, loadLanes, multiplyAdd, shareStart, storeLanes } from "../../kernels/cpu/math.as";

/** x mixed with an earlier token. */
// @ts-ignore: decorator
@inline
function mixed(x: v128, earlier: v128, mix: v128): v128 {
  return multiplyAdd(mix, f32x4.sub(x, earlier), earlier);
}

@unmanaged
class TokenShift {
  x: usize; // [batch, length, width]
  mix: usize; // [width]
  before: Optional; // [batch, width] or 0
  y: usize; // [batch, length, width]
  batch: i32;
  length: i32;
  width: i32;
}

/** Threads share tokens. */
export function tokenShiftForward(args: usize, thread: i32, threads: i32): void {
  const p = changetype<TokenShift>(args);
  const width = p.width;
  const end = shareStart(p.batch * p.length, 1, thread + 1, threads);
  for (let token = shareStart(p.batch * p.length, 1, thread, threads); token < end; token++) {
    const x = floatAt(p.x, token, width);
    const y = floatAt(p.y, token, width);
    const earlier = rowBefore(p.x, p.before, token, p.length, width);
    for (let c = 0; c < width; c += 4) {
      const old = earlier ? loadLanes(earlier, c, width) : f32x4.splat(0);
      storeLanes(y, c, width, mixed(loadLanes(x, c, width), old, loadLanes(p.mix, c, width)));
    }
  }
}

@unmanaged
class TokenShiftSlots {
  x: usize; // [rows, width]
  mix: usize; // [width]
  slots: usize; // [rows] i32
  before: usize; // [count, width]
  y: usize; // [rows, width]
  rows: i32;
  width: i32;
}

/** Threads share rows. */
export function tokenShiftSlotsForward(args: usize, thread: i32, threads: i32): void {
  const p = changetype<TokenShiftSlots>(args);
  const width = p.width;
  const end = shareStart(p.rows, 1, thread + 1, threads);
  for (let row = shareStart(p.rows, 1, thread, threads); row < end; row++) {
    const slot = slotOf(p.slots, row);
    const goesOn = row > 0 && slotOf(p.slots, row - 1) == slot;
    const earlier = goesOn ? floatAt(p.x, row - 1, width) : floatAt(p.before, slot, width);
    const x = floatAt(p.x, row, width);
    const y = floatAt(p.y, row, width);
    for (let c = 0; c < width; c += 4) {
      const old = loadLanes(earlier, c, width);
      storeLanes(y, c, width, mixed(loadLanes(x, c, width), old, loadLanes(p.mix, c, width)));
    }
  }
}

/** The row of the token before `token`, or 0 if it is zeros. */
function rowBefore(x: usize, before: usize, token: i32, length: i32, width: i32): usize {
  if (token % length) return floatAt(x, token - 1, width);
  return before ? floatAt(before, token / length, width) : 0;
}

@unmanaged
class TokenShiftBackward {
  x: usize; // [batch, length, width]
  mix: usize; // [width]
  before: Optional; // [batch, width] or 0
  dy: usize; // [batch, length, width]
  dxBefore: Optional; // [batch, length, width] or 0: the tensor that dx is added to
  dMixBefore: Optional; // [width] or 0
  dx: usize; // [batch, length, width]; may be the memory of `dxBefore`
  dMix: usize; // [width]; may be the memory of `dMixBefore`
  dBefore: usize; // [batch, width]
  batch: i32;
  length: i32;
  width: i32;
}

/** Threads share columns, because dMix is summed over each. */
export function tokenShiftBackward(args: usize, thread: i32, threads: i32): void {
  const p = changetype<TokenShiftBackward>(args);
  const width = p.width;
  const from = shareStart(width, 16, thread, threads);
  const end = shareStart(width, 16, thread + 1, threads);
  const zero = f32x4.splat(0);
  for (let c = from; c < end; c += 4) {
    storeLanes(p.dMix, c, end, p.dMixBefore ? loadLanes(p.dMixBefore, c, end) : zero);
  }
  for (let token = 0; token < p.batch * p.length; token++) {
    const x = floatAt(p.x, token, width);
    const dy = floatAt(p.dy, token, width);
    const later = (token + 1) % p.length ? floatAt(p.dy, token + 1, width) : 0;
    const earlier = rowBefore(p.x, p.before, token, p.length, width);
    for (let c = from; c < end; c += 4) {
      const mix = loadLanes(p.mix, c, end);
      const rest = f32x4.sub(f32x4.splat(1), mix);
      const d = loadLanes(dy, c, end);
      const dLater = later ? loadLanes(later, c, end) : zero;
      const sum = p.dxBefore ? loadLanes(floatAt(p.dxBefore, token, width), c, end) : zero;
      const dx = multiplyAdd(mix, d, multiplyAdd(rest, dLater, sum));
      storeLanes(floatAt(p.dx, token, width), c, end, dx);
      const old = earlier ? loadLanes(earlier, c, end) : zero;
      const difference = f32x4.sub(loadLanes(x, c, end), old);
      storeLanes(p.dMix, c, end, multiplyAdd(d, difference, loadLanes(p.dMix, c, end)));
      if (token % p.length == 0) {
        storeLanes(floatAt(p.dBefore, token / p.length, width), c, end, f32x4.mul(rest, d));
      }
    }
  }
}
