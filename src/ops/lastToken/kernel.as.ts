import { floatAt, shareStart } from "../../kernels/cpu/math.as";

@unmanaged
class LastToken {
  x: usize; // [batch, length, width]
  y: usize; // [batch, width]
  batch: i32;
  length: i32;
  width: i32;
}

export function lastToken(args: usize, thread: i32, threads: i32): void {
  const p = changetype<LastToken>(args);
  const end = shareStart(p.batch, 1, thread + 1, threads);
  for (let n = shareStart(p.batch, 1, thread, threads); n < end; n++) {
    const row = floatAt(p.x, (n + 1) * p.length - 1, p.width);
    memory.copy(floatAt(p.y, n, p.width), row, (<usize>p.width) << 2);
  }
}
