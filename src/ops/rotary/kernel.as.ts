import { Optional } from "../../kernels/cpu/optional.as";
import { floatAt, shareStart } from "../../kernels/cpu/math.as";

@unmanaged
class RotaryTable {
  positions: Optional; // [length] or [1] i32, or 0: those of each row, or of the first
  table: usize; // [length, 2·half]: cosines, then sines
  length: i32;
  half: i32;
  each: i32; // 1 if each row has a position of its own
  magnitude: f32;
  // Then `half` numbers u32: turns per token in units of 2⁻³².
}

export function rotaryTable(args: usize, thread: i32, threads: i32): void {
  const p = changetype<RotaryTable>(args);
  const turns = args + offsetof<RotaryTable>();
  const first: u32 = p.positions ? load<u32>(p.positions) : 0;
  const end = shareStart(p.length, 1, thread + 1, threads);
  for (let t = shareStart(p.length, 1, thread, threads); t < end; t++) {
    const row = floatAt(p.table, t, 2 * p.half);
    const position = p.each ? load<u32>(p.positions + ((<usize>t) << 2)) : first + <u32>t;
    for (let i = 0; i < p.half; i++) {
      const at = (<usize>i) << 2;
      // Whole turns overflow and vanish.
      const part = position * load<u32>(turns + at);
      const angle = <f64>(<i32>part) * (2 * Math.PI / 4294967296.0);
      const magnitude = <f64>p.magnitude;
      store<f32>(row + at, <f32>(magnitude * Math.cos(angle)));
      store<f32>(row + at + ((<usize>p.half) << 2), <f32>(magnitude * Math.sin(angle)));
    }
  }
}

@unmanaged
class Rotary {
  x: usize; // [rows, width]
  table: usize; // [length, headSize]
  y: usize; // [rows, width]; may be the memory of `x`
  rows: i32;
  length: i32;
  width: i32;
  headSize: i32;
  direction: f32; // 1, or −1 for the inverse rotation
}

export function rotary(args: usize, thread: i32, threads: i32): void {
  const p = changetype<Rotary>(args);
  const half = p.headSize >> 1;
  const other = (<usize>half) << 2;
  const direction = f32x4.splat(p.direction);
  const heads = p.width / p.headSize;
  const total = p.rows * heads;
  const end = shareStart(total, 1, thread + 1, threads);
  for (let head = shareStart(total, 1, thread, threads); head < end; head++) {
    const angles = floatAt(p.table, (head / heads) % p.length, p.headSize);
    const x = floatAt(p.x, head, p.headSize);
    const y = floatAt(p.y, head, p.headSize);
    let i = 0;
    for (; i + 4 <= half; i += 4) {
      const at = (<usize>i) << 2;
      const a = v128.load(x + at);
      const b = v128.load(x + at + other);
      const cos = v128.load(angles + at);
      const sin = f32x4.mul(v128.load(angles + at + other), direction);
      v128.store(y + at, f32x4.sub(f32x4.mul(a, cos), f32x4.mul(b, sin)));
      v128.store(y + at + other, f32x4.add(f32x4.mul(b, cos), f32x4.mul(a, sin)));
    }
    for (; i < half; i++) {
      const at = (<usize>i) << 2;
      const a = load<f32>(x + at);
      const b = load<f32>(x + at + other);
      const cos = load<f32>(angles + at);
      const sin = load<f32>(angles + at + other) * p.direction;
      store<f32>(y + at, a * cos - b * sin);
      store<f32>(y + at + other, b * cos + a * sin);
    }
  }
}
