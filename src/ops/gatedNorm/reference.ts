import type { Data } from '../../program/op.ts';
import { silu, siluSlope } from '../activations.ts';
import { rmsNormBackwardReference, rmsNormReference } from '../rmsNorm/reference.ts';

/** y = RMSNorm(x; γ) ⊙ SiLU(h) */
export function gatedNormReference(x: Data, h: Data, gamma: Data, epsilon: number, y: Data): void {
  rmsNormReference(x, gamma, epsilon, y);
  for (let i = 0; i < y.length; i++) y[i]! *= silu(h[i]!);
}

/** dh = dy ⊙ RMSNorm(x; γ) ⊙ SiLU'(h); the norm's own backward pass sees dy ⊙ SiLU(h). Adds to dx, dgamma. */
export function gatedNormBackwardReference(
  { x, h, gamma, epsilon }: { x: Data; h: Data; gamma: Data; epsilon: number },
  dy: Data,
  out: { dx: Data; dh: Data; dgamma: Data },
): void {
  const normal = new Float64Array(x.length);
  rmsNormReference(x, gamma, epsilon, normal);
  const dNormal = new Float64Array(x.length);
  for (let i = 0; i < dy.length; i++) {
    out.dh[i] = dy[i]! * normal[i]! * siluSlope(h[i]!);
    dNormal[i] = dy[i]! * silu(h[i]!);
  }
  rmsNormBackwardReference(x, gamma, epsilon, dNormal, out.dx, out.dgamma);
}
