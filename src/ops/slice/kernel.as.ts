import { Optional } from "../../kernels/cpu/optional.as";
import { shareStart } from "../../kernels/cpu/math.as";

@unmanaged
class Slice {
  x: usize; // elements of 32 bits
  y: usize; // [size]
  first: i32;
  size: i32;
}

export function sliceForward(args: usize, thread: i32, threads: i32): void {
  const p = changetype<Slice>(args);
  const start = shareStart(p.size, 16, thread, threads);
  const end = shareStart(p.size, 16, thread + 1, threads);
  memory.copy(p.y + ((<usize>start) << 2), p.x + ((<usize>(p.first + start)) << 2), (<usize>(end - start)) << 2);
}

@unmanaged
class SliceBackward {
  dy: usize; // [size]
  before: Optional; // [whole] or 0
  dx: usize; // [whole]; may be the memory of `before`
  first: i32;
  size: i32;
  whole: i32;
}

/** dx = before + dy where the slice was, before elsewhere */
export function sliceBackward(args: usize, thread: i32, threads: i32): void {
  const p = changetype<SliceBackward>(args);
  const start = shareStart(p.whole, 16, thread, threads);
  const end = shareStart(p.whole, 16, thread + 1, threads);
  const bytes = (<usize>(end - start)) << 2;
  const to = p.dx + ((<usize>start) << 2);
  if (!p.before) memory.fill(to, 0, bytes);
  else if (p.before != p.dx) memory.copy(to, p.before + ((<usize>start) << 2), bytes);
  for (let i = max(start, p.first); i < min(end, p.first + p.size); i++) {
    const at = p.dx + ((<usize>i) << 2);
    store<f32>(at, load<f32>(at) + load<f32>(p.dy + ((<usize>(i - p.first)) << 2)));
  }
}
