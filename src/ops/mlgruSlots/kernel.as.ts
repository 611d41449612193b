import { Optional } from "../../kernels/cpu/optional.as";
import {
  floatAt,
  loadLanes,
  multiplyAdd,
  shareStart,
  sigmoid4,
  storeLanes,
} from "../../kernels/cpu/math.as";

@unmanaged
class MlgruSlots {
  i: usize; // [rows, width]
  f: usize; // [rows, width]
  slots: usize; // [rows] i32
  states: usize; // [count, width]
  bounds: Optional; // [layers, width] or 0
  h: usize; // [rows, width]
  next: usize; // [count, width]; may be the memory of `states`
  rows: i32;
  width: i32;
  count: i32;
  layer: i32;
}

/** Threads share columns. The arithmetic is that of mlgruForward, to the bit. */
export function mlgruSlotsForward(args: usize, thread: i32, threads: i32): void {
  const a = changetype<MlgruSlots>(args);
  const width = a.width;
  const from = shareStart(width, 16, thread, threads);
  const end = shareStart(width, 16, thread + 1, threads);
  if (a.next != a.states) {
    const bytes = <usize>(end - from) << 2;
    for (let n = 0; n < a.count; n++) {
      const offset = (<usize>n * <usize>width + <usize>from) << 2;
      memory.copy(a.next + offset, a.states + offset, bytes);
    }
  }
  const one = f32x4.splat(1);
  const bounds = floatAt(a.bounds, a.layer, width);
  for (let row = 0; row < a.rows; row++) {
    const xi = floatAt(a.i, row, width);
    const xf = floatAt(a.f, row, width);
    const h = floatAt(a.h, row, width);
    const last = floatAt(a.next, load<i32>(a.slots + (<usize>row << 2)), width);
    for (let c = from; c < end; c += 4) {
      let f = sigmoid4(loadLanes(xf, c, end));
      if (a.bounds) {
        const bound = loadLanes(bounds, c, end);
        f = multiplyAdd(f32x4.sub(one, bound), f, bound);
      }
      const x = loadLanes(xi, c, end);
      const i = f32x4.mul(f32x4.mul(x, sigmoid4(x)), f32x4.sub(one, f));
      const state = multiplyAdd(f, loadLanes(last, c, end), i);
      storeLanes(last, c, end, state);
      storeLanes(h, c, end, state);
    }
  }
}
