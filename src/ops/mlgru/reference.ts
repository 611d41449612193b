import type { Data } from '../../program/op.ts';
import type { SequenceSizes } from '../../program/shapes.ts';
import { sigmoid, silu, siluSlope } from '../activations.ts';

/**
 * f = b + (1 − b)·σ(x_f), i = SiLU(x_i)·(1 − f), h_t = f_t ⊙ h_{t−1} + i_t.
 * Without a bound b is 0, without a start h_0 is 0. `last` receives h after the last token.
 */
export function mlgruReference(
  inputs: { i: Data; f: Data; start: Data | undefined; bound: Data | undefined },
  { batch, length, width }: SequenceSizes,
  h: Data,
  last: Data,
): void {
  for (let n = 0; n < batch; n++) {
    for (let c = 0; c < width; c++) {
      const bound = inputs.bound?.[c] ?? 0;
      let state = inputs.start?.[n * width + c] ?? 0;
      for (let t = 0; t < length; t++) {
        const at = (n * length + t) * width + c;
        const f = bound + (1 - bound) * sigmoid(inputs.f[at]!);
        state = f * state + silu(inputs.i[at]!) * (1 - f);
        h[at] = state;
      }
      last[n * width + c] = state;
    }
  }
}

/**
 * dh_t = do_t + f_{t+1} ⊙ dh_{t+1}, with d_last for the token after the last; then
 * df = dh ⊙ (h_{t−1} − SiLU(x_i)), dx_f = df·(1 − b)·σ'(x_f), dx_i = dh ⊙ (1 − f)·SiLU'(x_i),
 * db = Σ df·(1 − σ(x_f)), dh_0 = f_1 ⊙ dh_1. Adds to dBound.
 */
export function mlgruBackwardReference(
  inputs: { i: Data; f: Data; start: Data | undefined; bound: Data | undefined; h: Data },
  { batch, length, width }: SequenceSizes,
  upstream: { dh: Data | undefined; dLast: Data | undefined },
  out: { di: Data; df: Data; dStart: Data; dBound: Data | undefined },
): void {
  for (let n = 0; n < batch; n++) {
    for (let c = 0; c < width; c++) {
      const bound = inputs.bound?.[c] ?? 0;
      let carried = upstream.dLast?.[n * width + c] ?? 0;
      for (let t = length - 1; t >= 0; t--) {
        const at = (n * length + t) * width + c;
        const gate = sigmoid(inputs.f[at]!);
        const f = bound + (1 - bound) * gate;
        const x = inputs.i[at]!;
        const before = t > 0 ? inputs.h[at - width]! : (inputs.start?.[n * width + c] ?? 0);
        const dh = (upstream.dh?.[at] ?? 0) + carried;
        const df = dh * (before - silu(x));
        out.df[at] = df * (1 - bound) * gate * (1 - gate);
        out.di[at] = dh * (1 - f) * siluSlope(x);
        if (out.dBound) out.dBound[c]! += df * (1 - gate);
        carried = f * dh;
      }
      out.dStart[n * width + c] = carried;
    }
  }
}
