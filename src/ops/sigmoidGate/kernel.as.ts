import { loadLanes, shareStart, sigmoid4, storeLanes } from "../../kernels/cpu/math.as";

@unmanaged
class SigmoidGate {
  x: usize; // [size]
  h: usize; // [size]
  y: usize; // [size]; may be the memory of `x`
  size: i32;
}

export function sigmoidGateForward(args: usize, thread: i32, threads: i32): void {
  const p = changetype<SigmoidGate>(args);
  const end = shareStart(p.size, 16, thread + 1, threads);
  for (let i = shareStart(p.size, 16, thread, threads); i < end; i += 4) {
    storeLanes(p.y, i, end, f32x4.mul(sigmoid4(loadLanes(p.x, i, end)), loadLanes(p.h, i, end)));
  }
}

@unmanaged
class SigmoidGateBackward {
  x: usize; // [size]
  h: usize; // [size]
  dy: usize; // [size]
  dx: usize; // [size]; may be the memory of `x`
  dh: usize; // [size]; may be the memory of `h`
  size: i32;
}

export function sigmoidGateBackward(args: usize, thread: i32, threads: i32): void {
  const p = changetype<SigmoidGateBackward>(args);
  const one = f32x4.splat(1);
  const end = shareStart(p.size, 16, thread + 1, threads);
  for (let i = shareStart(p.size, 16, thread, threads); i < end; i += 4) {
    const s = sigmoid4(loadLanes(p.x, i, end));
    const dy = loadLanes(p.dy, i, end);
    const slope = f32x4.mul(s, f32x4.sub(one, s));
    const dx = f32x4.mul(f32x4.mul(dy, loadLanes(p.h, i, end)), slope);
    storeLanes(p.dx, i, end, dx);
    storeLanes(p.dh, i, end, f32x4.mul(dy, s));
  }
}
