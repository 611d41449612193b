/** Encodes words as token ids. */
export interface WordModel {
  /** The ids of a short word. */
  encode(word: string): readonly number[];
  /** The ids of a word of any length, in batches; an empty batch is an opportunity to pause. */
  encodeLong(word: string): Iterable<readonly number[]>;
}

/** Words beyond this length are encoded in batches and never remembered. */
export const LONG_WORD = 64;

/** The vocabulary as a table without a prototype: `__proto__` may be a token. */
export type Vocabulary = ReadonlyMap<string, number>;

/** The ids of the tokens `<0x00>` to `<0xFF>`, if the vocabulary has them. */
export function byteTokens(vocabulary: Vocabulary): readonly (number | undefined)[] {
  return Array.from({ length: 256 }, (_, byte) =>
    vocabulary.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`),
  );
}

const utf8 = new TextEncoder();

/** The byte tokens of a text; undefined if one is missing. */
export function spelledInBytes(text: string, bytes: readonly (number | undefined)[]): number[] | undefined {
  const ids = Array.from(utf8.encode(text), (byte) => bytes[byte]);
  return ids.every((id) => id !== undefined) ? (ids as number[]) : undefined;
}
