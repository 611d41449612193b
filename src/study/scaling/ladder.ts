/** Sizes to train, and on how many tokens. */
import type { Shape } from '../families.ts';

export interface Rung {
  readonly layers: number;
  readonly hiddenSize: number;
}

export interface Ladder {
  /** From small to large: families have the same. */
  readonly rungs: readonly Rung[];
  readonly vocabulary: number;
  readonly tokensPerParameter: number;
  /** The corpus is read once at most, and no more of it than this. */
  readonly mostTokens: number;
  readonly batch: number;
  readonly length: number;
}

/** 1.3 to 26 million parameters in matrices: with 100 million tokens of text a factor of 70 in operations. */
export const fullLadder: Ladder = {
  rungs: [
    { layers: 4, hiddenSize: 128 },
    { layers: 5, hiddenSize: 192 },
    { layers: 6, hiddenSize: 256 },
    { layers: 8, hiddenSize: 320 },
    { layers: 10, hiddenSize: 448 },
  ],
  ...{ vocabulary: 4096, tokensPerParameter: 20, mostTokens: 1e9, batch: 32, length: 512 },
};

/** Far too small and short to say anything; it shows that all parts work. */
export const quickLadder: Ladder = {
  rungs: [
    { layers: 1, hiddenSize: 32 },
    { layers: 2, hiddenSize: 48 },
    { layers: 2, hiddenSize: 64 },
    { layers: 3, hiddenSize: 80 },
    { layers: 3, hiddenSize: 96 },
  ],
  ...{ vocabulary: 512, tokensPerParameter: 3, mostTokens: 60_000, batch: 8, length: 64 },
};

export function shapeOf({ layers, hiddenSize }: Rung, vocabSize: number): Shape {
  // At small widths multiples of 256, as the large models have them, would be most of the model.
  return { layers, hiddenSize, vocabSize, intermediateSize: 32 * Math.round((8 * hiddenSize) / 3 / 32) };
}

export function tokensFor(parameters: number, corpusTokens: number, ladder: Ladder): number {
  return Math.min(ladder.tokensPerParameter * parameters, ladder.mostTokens, corpusTokens);
}
