/** Classes of characters as the Rust library of Hugging Face defines them; JavaScript's `\s`, `\d`, `\w` differ. */

/** Unicode's White_Space, which excludes U+FEFF and includes U+0085. */
export const isWhiteSpace = memoized(/^\p{White_Space}$/u);
/** Unicode's Nd, Nl and No: digits of all scripts, fractions, Roman numerals. */
export const isNumeric = memoized(/^\p{N}$/u);
export const isPunctuation = memoized(/^[\p{P}!-/:-@[-`{-~]$/u);
export const isWordCharacter = memoized(/^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u);
export const isMark = memoized(/^\p{M}$/u);
export const isNonSpacingMark = memoized(/^\p{Mn}$/u);

/** A test of one code point. */
export type CharacterTest = (codePoint: number) => boolean;

/** Remembers the answers for the Basic Multilingual Plane. */
export function memoized(pattern: RegExp): CharacterTest {
  return remembered((codePoint) => pattern.test(String.fromCodePoint(codePoint)));
}

const YES = 1;
const NO = 2;

export function remembered(test: CharacterTest): CharacterTest {
  const known = new Uint8Array(2 ** 16);
  return (codePoint) => {
    if (codePoint >= known.length) return test(codePoint);
    if (known[codePoint] === 0) known[codePoint] = test(codePoint) ? YES : NO;
    return known[codePoint] === YES;
  };
}
