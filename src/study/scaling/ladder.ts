/** Sizes to train, and on how many tokens. */
import type { Shape } from '../families.ts';

export interface Rung {
  readonly layers: number;
  readonly hiddenSize: number;
}

export interface Ladder {
  /** From small to large: families have the same. */
  readonly rungs: readonly Rung[];
  /** Places of the two rungs at which learning rates are searched; others follow from what is found there. */
  readonly searched: readonly [number, number];
  readonly vocabulary: number;
  readonly tokensPerParameter: number;
  /**
   * How often the corpus may be read, at most. Up to four times, text read again teaches nearly as much as new text:
   * Muennighoff et al. (2023), Scaling data-constrained language models.
   */
  readonly epochs: number;
  readonly batch: number;
  readonly length: number;
}

/**
 * 0.4 to 5.2 million parameters in matrices, 20 tokens for each: a factor of 70 in operations from the first to the
 * fifth size, 150 to the sixth. The vocabulary is small, since the head would otherwise be most of a small model; a
 * step takes 16,384 tokens, since it takes some milliseconds on a GPU whatever it computes.
 */
export const fullLadder: Ladder = {
  rungs: [
    { layers: 2, hiddenSize: 96 },
    { layers: 2, hiddenSize: 128 },
    { layers: 3, hiddenSize: 160 },
    { layers: 4, hiddenSize: 192 },
    { layers: 5, hiddenSize: 224 },
    { layers: 6, hiddenSize: 256 },
  ],
  searched: [0, 2],
  ...{ vocabulary: 2048, tokensPerParameter: 20, epochs: 4, batch: 64, length: 256 },
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
  searched: [0, 2],
  ...{ vocabulary: 512, tokensPerParameter: 1, epochs: 1, batch: 8, length: 64 },
};

export function shapeOf({ layers, hiddenSize }: Rung, vocabSize: number): Shape {
  // At small widths multiples of 256, as the large models have them, would be most of the model.
  return { layers, hiddenSize, vocabSize, intermediateSize: 32 * Math.round((8 * hiddenSize) / 3 / 32) };
}

export function tokensFor(parameters: number, corpusTokens: number, ladder: Ladder): number {
  return Math.min(ladder.tokensPerParameter * parameters, ladder.epochs * corpusTokens);
}
