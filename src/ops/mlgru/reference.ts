import type { Data } from '../../program/op.ts';
import type { SequenceSizes } from '../../program/shapes.ts';
import { sigmoid, silu, siluSlope } from '../activations.ts';
import { element } from '../element.ts';

/** The state after one more token: f·h + SiLU(x_i)·(1 − f), with f = b + (1 − b)·σ(x_f). */
function step(state: number, xi: number, xf: number, bound: number): number {
  const f = bound + (1 - bound) * sigmoid(xf);
  return f * state + silu(xi) * (1 - f);
}

/**
 * Processes each sequence of a batch step by step. Without a bound b is 0, without a start the first state is 0. `last`
 * receives the state after the last token.
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
        state = step(state, element(inputs.i, at), element(inputs.f, at), bound);
        h[at] = state;
      }
      last[n * width + c] = state;
    }
  }
}

/** Rows of many sequences, in order: row r continues from the state in slot s_r and stores its own there. */
export function mlgruSlotsReference(
  inputs: { i: Data; f: Data; slots: Data; bound: Data | undefined },
  width: number,
  states: Data,
  h: Data,
): void {
  for (let row = 0; row < inputs.slots.length; row++) {
    for (let c = 0; c < width; c++) {
      const at = row * width + c;
      const state = element(inputs.slots, row) * width + c;
      h[at] = step(
        element(states, state),
        element(inputs.i, at),
        element(inputs.f, at),
        inputs.bound?.[c] ?? 0,
      );
      states[state] = element(h, at);
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
        const gate = sigmoid(element(inputs.f, at));
        const f = bound + (1 - bound) * gate;
        const x = element(inputs.i, at);
        const before = t > 0 ? element(inputs.h, at - width) : (inputs.start?.[n * width + c] ?? 0);
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
