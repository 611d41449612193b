import { shareStart } from "../../kernels/cpu/math.as";

@unmanaged
class Fill {
  y: usize;
  size: i32;
  value: f32;
}

export function fillForward(args: usize, thread: i32, threads: i32): void {
  const a = changetype<Fill>(args);
  const end = shareStart(a.size, 16, thread + 1, threads);
  for (let i = shareStart(a.size, 16, thread, threads); i < end; i++) {
    store<f32>(a.y + ((<usize>i) << 2), a.value);
  }
}
