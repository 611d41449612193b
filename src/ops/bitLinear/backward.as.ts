// The two dense products of BitLinear's straight-through backward pass. The forward pass has none.

import { Gemm, gemmColumns, INT8, TERNARY } from "../../engine/cpu/assembly/gemm.as";
import { shareStart } from "../../engine/cpu/assembly/math.as";

@unmanaged
class GradientOfInput extends Gemm {
  scale: usize; // [1]: the weights' scale t
}

/** dŷ [rows, width] = dy [rows, out] · codes [out, width] · t; the codes stay packed until they are in a panel. */
export function bitLinearGradientOfInput(args: usize, thread: i32, threads: i32): void {
  const p = changetype<GradientOfInput>(args);
  p.kind = TERNARY;
  p.alpha = load<f32>(p.scale);
  gemmColumns(p, shareStart(p.N, 8, thread, threads), shareStart(p.N, 8, thread + 1, threads));
}

/** dW [out, width] (+)= dyᵀ [out, rows] · ŷ [rows, width], where ŷ = q·step is never stored as floats. */
export function bitLinearGradientOfWeight(args: usize, thread: i32, threads: i32): void {
  const p = changetype<Gemm>(args);
  p.kind = INT8;
  gemmColumns(p, shareStart(p.N, 8, thread, threads), shareStart(p.N, 8, thread + 1, threads));
}
