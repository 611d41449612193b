// Reads memory at full speed: the benchmark's bound on what decoding can reach.

import { shareStart } from "../../../kernels/cpu/math.as";

@unmanaged
class ReadMemory {
  data: usize;
  bytes: i32;
  streams: i32; // a thread reads its share as this many streams, 64 bytes of each in turn
  sink: usize; // [threads] i32: keeps the sums alive
}

export function readMemory(args: usize, thread: i32, threads: i32): void {
  const p = changetype<ReadMemory>(args);
  const step = 64 * p.streams;
  const from = shareStart(p.bytes, step, thread, threads);
  const stretch = <usize>(shareStart(p.bytes, step, thread + 1, threads) - from) / p.streams;
  const end = p.data + <usize>from + stretch;
  let a = i32x4.splat(0);
  let b = i32x4.splat(0);
  let c = i32x4.splat(0);
  let d = i32x4.splat(0);
  for (let at = p.data + <usize>from; at < end; at += 64) {
    let line = at;
    for (let stream = 0; stream < p.streams; stream++) {
      a = v128.or(a, v128.load(line));
      b = v128.or(b, v128.load(line, 16));
      c = v128.or(c, v128.load(line, 32));
      d = v128.or(d, v128.load(line, 48));
      line += stretch;
    }
  }
  store<i32>(p.sink + ((<usize>thread) << 2), i32x4.extract_lane(v128.or(v128.or(a, b), v128.or(c, d)), 0));
}
