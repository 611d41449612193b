/**
 * Fixed-point formats: how many fraction bits the elements of a program's vectors have. Elements have 32 bits,
 * so 18 fraction bits leave ±8192; activations are around 1, so they keep about 18 significant bits, which the
 * quantisation to int8 that follows does not notice.
 */

/** The residual stream, and with it the embedding. */
export const residualFraction = 18;
/** Outputs of norms and of gates, before they are quantised. */
export const activationFraction = 18;
/** x / rms(x), at most √n ≤ 91, while it is multiplied by the norm's weight. */
export const normalFraction = 20;
/** Inputs and outputs of the sigmoid table: fixed by the hardware. */
export const tableFraction = 16;
/**
 * The recurrent state, |h| ≤ max |SiLU(i)|. It moves by (1 − f)·(SiLU(i) − h) each token, and 1 − f is as small
 * as 10^-4 in upper layers: fraction bits that such a step does not reach are lost to it.
 */
export const stateFraction = 22;
/** Norm weights and bounds as loaded: int16 in DRAM, shifted left to this. */
export const constantFraction = 16;
/** Logits as they are stored. */
export const logitFraction = 16;

/** All of them, for people. */
export const formats = [
  { value: 'embedding, residual stream', fraction: residualFraction },
  { value: 'x / rms(x) while it is multiplied by the weight of its norm', fraction: normalFraction },
  { value: 'outputs of norms and of gates', fraction: activationFraction },
  { value: 'weights of norms, 1 − lower bound', fraction: constantFraction },
  { value: 'inputs and outputs of the sigmoid table', fraction: tableFraction },
  { value: 'recurrent state', fraction: stateFraction },
  { value: 'logits', fraction: logitFraction },
  { value: 'sums of a product', fraction: 0 },
] as const;

/**
 * Fraction bits that int16 storage can have for these values, at most `maxFraction`, at least maxFraction − 16 (which is as
 * far as a load shifts).
 */
export function int16Fraction(largest: number, maxFraction: number): number | undefined {
  const fits = largest > 0 ? Math.floor(Math.log2(32767 / largest)) : maxFraction;
  const fraction = Math.min(maxFraction, fits);
  return fraction >= maxFraction - 16 && Math.round(largest * 2 ** fraction) <= 32767 ? fraction : undefined;
}
