import type { Data } from '../../program/op.ts';
import type { SequenceSizes } from '../../program/shapes.ts';
import { element } from '../element.ts';

function mixed(x: number, earlier: number, mix: number): number {
  return mix * x + (1 - mix) * earlier;
}

/** y_t = μ ⊙ x_t + (1 − μ) ⊙ x_{t−1}; before the first token comes `before`, or zeros. */
export function tokenShiftReference(
  { x, mix, before }: { x: Data; mix: Data; before: Data | undefined },
  { batch, length, width }: SequenceSizes,
  y: Data,
): void {
  for (let n = 0; n < batch; n++) {
    for (let t = 0; t < length; t++) {
      for (let c = 0; c < width; c++) {
        const at = (n * length + t) * width + c;
        const earlier = t > 0 ? element(x, at - width) : (before?.[n * width + c] ?? 0);
        y[at] = mixed(element(x, at), earlier, element(mix, c));
      }
    }
  }
}

/** Rows of many sequences: before the first row of a slot comes the slot's row of `before`. */
export function tokenShiftSlotsReference(
  { x, mix, slots, before }: Record<'x' | 'mix' | 'slots' | 'before', Data>,
  width: number,
  y: Data,
): void {
  for (let row = 0; row < slots.length; row++) {
    const goesOn = row > 0 && slots[row - 1] === slots[row];
    for (let c = 0; c < width; c++) {
      const at = row * width + c;
      const earlier = goesOn ? element(x, at - width) : before[element(slots, row) * width + c]!;
      y[at] = mixed(element(x, at), earlier, element(mix, c));
    }
  }
}

/** dx_t = μ ⊙ dy_t + (1 − μ) ⊙ dy_{t+1}, dμ = Σ dy_t ⊙ (x_t − x_{t−1}), dBefore = (1 − μ) ⊙ dy_1. Adds to dx, dμ. */
export function tokenShiftBackwardReference(
  { x, mix, before }: { x: Data; mix: Data; before: Data | undefined },
  { batch, length, width }: SequenceSizes,
  dy: Data,
  out: { dx: Data; dMix: Data; dBefore: Data },
): void {
  for (let n = 0; n < batch; n++) {
    for (let t = 0; t < length; t++) {
      for (let c = 0; c < width; c++) {
        const at = (n * length + t) * width + c;
        const earlier = t > 0 ? element(x, at - width) : (before?.[n * width + c] ?? 0);
        const later = t < length - 1 ? element(dy, at + width) : 0;
        out.dx[at]! += element(mix, c) * element(dy, at) + (1 - element(mix, c)) * later;
        out.dMix[c]! += element(dy, at) * (element(x, at) - earlier);
        if (t === 0) out.dBefore[n * width + c] = (1 - element(mix, c)) * element(dy, at);
      }
    }
  }
}
