// The two dense products of BitLinear's straight-through backward pass. The forward pass has none.

import { Gemm, gemmPiece } from "../../kernels/cpu/gemm.as";

/** dŷ [rows, width] = dy [rows, out] · codes [out, width] · t; codes are unpacked only within a panel. */
export function bitLinearGradientOfInput(args: usize, thread: i32, threads: i32): void {
  gemmPiece(changetype<Gemm>(args), thread, threads);
}

/** dW [out, width] (+)= dyᵀ [out, rows] · ŷ [rows, width], where ŷ = q·step is never stored as floats. */
export function bitLinearGradientOfWeight(args: usize, thread: i32, threads: i32): void {
  gemmPiece(changetype<Gemm>(args), thread, threads);
}
