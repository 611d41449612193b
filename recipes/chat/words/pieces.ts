/** Pieces of words that the tokenizer knows. */
import type { TokenizerJson } from '../../../src/text/tokenizerJson.ts';

export interface Pieces {
  /** With which a name may begin. */
  readonly starts: readonly string[];
  /** With which it may continue. */
  readonly rests: readonly string[];
}

export function piecesOf({ model }: TokenizerJson): Pieces {
  const tokens = Object.keys(model.vocab);
  // "Ġ" is the space before a word.
  const starts = tokens.flatMap((token) => /^Ġ([A-Z][a-z]{0,5})$/.exec(token)?.[1] ?? []);
  return { starts, rests: tokens.filter((token) => /^[a-z]{2,6}$/.test(token)) };
}
