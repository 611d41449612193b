// Reads memory as fast as it comes: the benchmark's measure of what decoding could reach.

import { shareStart } from "./math.as";

@unmanaged
class ReadMemory {
  data: usize;
  bytes: i32; // a multiple of 64
  sink: usize; // [threads] i32: keeps the sums alive
}

export function readMemory(args: usize, thread: i32, threads: i32): void {
  const p = changetype<ReadMemory>(args);
  const end = p.data + <usize>shareStart(p.bytes, 64, thread + 1, threads);
  let a = i32x4.splat(0);
  let b = i32x4.splat(0);
  let c = i32x4.splat(0);
  let d = i32x4.splat(0);
  for (let at = p.data + <usize>shareStart(p.bytes, 64, thread, threads); at < end; at += 64) {
    a = v128.or(a, v128.load(at));
    b = v128.or(b, v128.load(at, 16));
    c = v128.or(c, v128.load(at, 32));
    d = v128.or(d, v128.load(at, 48));
  }
  store<i32>(p.sink + ((<usize>thread) << 2), i32x4.extract_lane(v128.or(v128.or(a, b), v128.or(c, d)), 0));
}
