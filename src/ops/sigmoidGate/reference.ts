import type { Data } from '../../program/op.ts';
import { sigmoid } from '../activations.ts';

/** y = σ(x) ⊙ h */
export function sigmoidGateReference(x: Data, h: Data, y: Data): void {
  for (let i = 0; i < y.length; i++) y[i] = sigmoid(x[i]!) * h[i]!;
}

/** dx = dy ⊙ h ⊙ σ(x)·(1 − σ(x)), dh = dy ⊙ σ(x) */
export function sigmoidGateBackwardReference(x: Data, h: Data, dy: Data, dx: Data, dh: Data): void {
  for (let i = 0; i < dy.length; i++) {
    const s = sigmoid(x[i]!);
    dx[i] = dy[i]! * h[i]! * s * (1 - s);
    dh[i] = dy[i]! * s;
  }
}
