/**
 * Rotary positions (Su et al. 2021) and the ways in which models stretch them beyond the length that they were first
 * trained with: which frequencies they turn by.
 */

/** How queries and keys turn with their position. */
export type Rope = {
  /** θ, the base of the frequencies: pair i turns by θ^(−2i/size) radians a token. */
  readonly theta: number;
} & (
  | { readonly type: 'default' }
  /**
   * θ grows with the text once it is longer than the context length. Within the context length, all that is computed
   * here, it is `default`.
   */
  | { readonly type: 'dynamic'; readonly factor: number }
  /** Every frequency divided by a factor (position interpolation, Chen et al. 2023). */
  | { readonly type: 'linear'; readonly factor: number }
  /** Slow pairs divided by a factor, fast ones kept, a linear ramp of frequencies between them (Llama 3.1). */
  | {
      readonly type: 'llama3';
      readonly factor: number;
      /** Turns in the original length: pairs with fewer are slow, with more than the next one fast. */
      readonly lowFrequencyFactor: number;
      readonly highFrequencyFactor: number;
      /** Context length of the first training. */
      readonly originalLength: number;
    }
  /** The same idea with a linear ramp of pairs, and queries and keys scaled (YaRN, Peng et al. 2023). */
  | {
      readonly type: 'yarn';
      readonly factor: number;
      /** What cosines and sines are multiplied by. */
      readonly magnitude: number;
      /** Turns in the original length: pairs with more are kept, with fewer than the next one divided. */
      readonly betaFast: number;
      readonly betaSlow: number;
      readonly originalLength: number;
      /** Whether the ends of the ramp are rounded outwards to whole pairs. */
      readonly truncate: boolean;
    }
  /** Each frequency divided by a factor of its own: LongRoPE (Ding et al. 2024), and tables of factors in files. */
  | { readonly type: 'factors'; readonly factors: readonly number[]; readonly magnitude: number }
);

export interface Rotation {
  /** Radians that each pair of a head's entries turns by a token. */
  readonly frequencies: readonly number[];
  /** What cosines and sines are multiplied by. */
  readonly magnitude: number;
}

/** The rotation of heads of `headSize` entries. */
export function rotationOf(rope: Rope, headSize: number): Rotation {
  const plain = Array.from({ length: headSize / 2 }, (_, i) => rope.theta ** ((-2 * i) / headSize));
  switch (rope.type) {
    case 'default':
    case 'dynamic':
      return { frequencies: plain, magnitude: 1 };
    case 'linear':
      return { frequencies: plain.map((frequency) => frequency / rope.factor), magnitude: 1 };
    case 'llama3':
      return { frequencies: plain.map((frequency) => llama3(frequency, rope)), magnitude: 1 };
    case 'yarn':
      return { frequencies: yarn(plain, rope), magnitude: rope.magnitude };
    case 'factors':
      return {
        frequencies: plain.map((frequency, i) => frequency / rope.factors[i]!),
        magnitude: rope.magnitude,
      };
  }
}

/** f·((1 − s)/factor + s), where s goes from 0 to 1 as the turns in the original length go from low to high. */
function llama3(
  frequency: number,
  {
    factor,
    lowFrequencyFactor: low,
    highFrequencyFactor: high,
    originalLength,
  }: Extract<Rope, { type: 'llama3' }>,
): number {
  const turns = (originalLength * frequency) / (2 * Math.PI);
  const smooth = clamp((turns - low) / (high - low));
  return frequency * ((1 - smooth) / factor + smooth);
}

/** f·(ramp/factor + 1 − ramp), where the ramp goes from 0 to 1 over the pairs between fast and slow. */
function yarn(plain: readonly number[], rope: Extract<Rope, { type: 'yarn' }>): number[] {
  const { theta, factor, originalLength, truncate } = rope;
  const size = 2 * plain.length;
  /** The pair (as a real number) that makes so many turns in the original length. */
  const pairOf = (turns: number) =>
    (size * Math.log(originalLength / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const [fast, slow] = [pairOf(rope.betaFast), pairOf(rope.betaSlow)];
  const start = Math.max(truncate ? Math.floor(fast) : fast, 0);
  const last = Math.min(truncate ? Math.ceil(slow) : slow, size - 1);
  const end = last === start ? last + 0.001 : last;
  return plain.map((frequency, i) => {
    const ramp = clamp((i - start) / (end - start));
    return frequency * (ramp / factor + 1 - ramp);
  });
}

function clamp(share: number): number {
  return Math.min(Math.max(share, 0), 1);
}
