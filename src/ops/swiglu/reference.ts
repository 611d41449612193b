import type { Data } from '../../program/op.ts';
import { silu, siluSlope } from '../activations.ts';

/** Rows [g, u] of x: y = SiLU(g) ⊙ u */
export function swigluReference(x: Data, width: number, y: Data): void {
  for (let i = 0; i < y.length; i++) {
    const g = i + Math.floor(i / width) * width;
    y[i] = silu(x[g]!) * x[g + width]!;
  }
}

/** dg = dy ⊙ u ⊙ SiLU'(g), du = dy ⊙ SiLU(g) */
export function swigluBackwardReference(x: Data, width: number, dy: Data, dx: Data): void {
  for (let i = 0; i < dy.length; i++) {
    const g = i + Math.floor(i / width) * width;
    dx[g] = dy[i]! * x[g + width]! * siluSlope(x[g]!);
    dx[g + width] = dy[i]! * silu(x[g]!);
  }
}
