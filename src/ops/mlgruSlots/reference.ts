import type { Data } from '../../program/op.ts';
import { sigmoid, silu } from '../activations.ts';

/**
 * The MLGRU's recurrence over rows of many sequences: row r goes on from the state in slot s_r and leaves its own
 * there. f = b + (1 − b)·σ(x_f), h_r = f ⊙ state[s_r] + SiLU(x_i)·(1 − f), state[s_r] = h_r.
 */
export function mlgruSlotsReference(
  inputs: { i: Data; f: Data; slots: Data; bound: Data | undefined },
  width: number,
  states: Data,
  h: Data,
): void {
  for (let row = 0; row < inputs.slots.length; row++) {
    for (let c = 0; c < width; c++) {
      const at = row * width + c;
      const state = inputs.slots[row]! * width + c;
      const bound = inputs.bound?.[c] ?? 0;
      const f = bound + (1 - bound) * sigmoid(inputs.f[at]!);
      h[at] = f * states[state]! + silu(inputs.i[at]!) * (1 - f);
      states[state] = h[at]!;
    }
  }
}
