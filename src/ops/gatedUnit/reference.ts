import type { Data } from '../../program/op.ts';
import { silu, siluSlope } from '../activations.ts';

/** The activation of a gate: SiLU (swish), or the square of its positive part. */
export type Activation = 'silu' | 'relu2';

const activate = { silu, relu2: (x: number) => Math.max(x, 0) ** 2 };
const slope = { silu: siluSlope, relu2: (x: number) => 2 * Math.max(x, 0) };

/** y = act(g) ⊙ u */
export function gatedUnitReference(activation: Activation, g: Data, u: Data, y: Data): void {
  for (let i = 0; i < y.length; i++) y[i] = activate[activation](g[i]!) * u[i]!;
}

/** dg = dy ⊙ u ⊙ act'(g), du = dy ⊙ act(g) */
export function gatedUnitBackwardReference(
  activation: Activation,
  { g, u, dy }: { g: Data; u: Data; dy: Data },
  { dg, du }: { dg: Data; du: Data },
): void {
  for (let i = 0; i < dy.length; i++) {
    const [gate, up, d] = [g[i]!, u[i]!, dy[i]!];
    dg[i] = d * up * slope[activation](gate);
    du[i] = d * activate[activation](gate);
  }
}
