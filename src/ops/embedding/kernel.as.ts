import { Optional } from "../../kernels/cpu/optional.as";
import { floatAt, loadLanes, shareStart, storeLanes } from "../../kernels/cpu/math.as";

@unmanaged
class Embedding {
  ids: usize; // [tokens] i32
  table: usize; // [vocabulary, width] of `type`
  scales: Optional; // [vocabulary] where the table is int8
  y: usize; // [tokens, width]
  tokens: i32;
  width: i32;
  type: i32; // 0: f32, 1: f16, 2: bf16, 3: int8
}

/** An IEEE half as f32: shift the fields into place, then scale by the difference of the exponent biases. */
// @ts-ignore: decorator
@inline
function halfToFloat(bits: u32): f32 {
  const magnitude = reinterpret<f32>((bits & 0x7fff) << 13) * reinterpret<f32>((254 - 15) << 23);
  // Infinities and NaNs come out as 2^16 and more.
  const special = magnitude >= 65536 ? reinterpret<u32>(magnitude) | (255 << 23) : reinterpret<u32>(magnitude);
  return reinterpret<f32>(special | ((bits & 0x8000) << 16));
}

export function embeddingForward(args: usize, thread: i32, threads: i32): void {
  const p = changetype<Embedding>(args);
  const start = shareStart(p.width, 16, thread, threads);
  const end = shareStart(p.width, 16, thread + 1, threads);
  for (let t = 0; t < p.tokens; t++) {
    const id = load<i32>(p.ids + ((<usize>t) << 2));
    const y = floatAt(p.y, t, p.width);
    if (p.type == 0) {
      const row = floatAt(p.table, id, p.width);
      for (let i = start; i < end; i += 4) storeLanes(y, i, end, loadLanes(row, i, end));
    } else if (p.type == 3) {
      const row = p.table + <usize>id * <usize>p.width;
      const scale = load<f32>(p.scales + ((<usize>id) << 2));
      for (let i = start; i < end; i++) {
        store<f32>(y + ((<usize>i) << 2), <f32>load<i8>(row + <usize>i) * scale);
      }
    } else {
      const row = p.table + ((<usize>id * <usize>p.width) << 1);
      for (let i = start; i < end; i++) {
        const bits = <u32>load<u16>(row + ((<usize>i) << 1));
        store<f32>(y + ((<usize>i) << 2), p.type == 1 ? halfToFloat(bits) : reinterpret<f32>(bits << 16));
      }
    }
  }
}

@unmanaged
class EmbeddingBackward {
  ids: usize; // [tokens] i32
  dy: usize; // [tokens, width]
  before: Optional; // [vocabulary, width] or 0
  dTable: usize; // [vocabulary, width]
  tokens: i32;
  width: i32;
  vocabulary: i32;
}

/** Threads share columns, so that tokens with the same id never meet. */
export function embeddingBackward(args: usize, thread: i32, threads: i32): void {
  const p = changetype<EmbeddingBackward>(args);
  const start = shareStart(p.width, 16, thread, threads);
  const end = shareStart(p.width, 16, thread + 1, threads);
  if (p.before != p.dTable) {
    for (let id = 0; id < p.vocabulary; id++) {
      const to = floatAt(p.dTable, id, p.width);
      const from = floatAt(p.before, id, p.width);
      for (let i = start; i < end; i += 4) {
        storeLanes(to, i, end, p.before ? loadLanes(from, i, end) : f32x4.splat(0));
      }
    }
  }
  for (let t = 0; t < p.tokens; t++) {
    const sum = floatAt(p.dTable, load<i32>(p.ids + ((<usize>t) << 2)), p.width);
    const dy = floatAt(p.dy, t, p.width);
    for (let i = start; i < end; i += 4) {
      storeLanes(sum, i, end, f32x4.add(loadLanes(sum, i, end), loadLanes(dy, i, end)));
    }
  }
}
