/** A line of text with its line break, or, where a line is longer than the limit, one part of it. */
export interface Line {
  text: string;
  /** counted from 1 */
  number: number;
  /** false for a part that is not the last of its line */
  complete: boolean;
}

/**
 * Cuts a stream of text into lines; all of them joined are the text. Only \n ends a line (so \r\n does, too).
 * @param longest max characters to hold; longer lines are yielded in parts, cut between characters
 */
export async function* readLines(pieces: AsyncIterable<string>, longest: number): AsyncGenerator<Line> {
  let rest = '';
  let number = 1;
  for await (const piece of pieces) {
    let from = 0;
    for (let end = piece.indexOf('\n'); end >= 0; end = piece.indexOf('\n', from)) {
      yield { text: rest + piece.slice(from, end + 1), number: number++, complete: true };
      rest = '';
      from = end + 1;
    }
    rest += piece.slice(from);
    while (rest.length > longest) {
      const cut = safeCut(rest, longest);
      yield { text: rest.slice(0, cut), number, complete: false };
      rest = rest.slice(cut);
    }
  }
  if (rest !== '') yield { text: rest, number, complete: true };
}

/** `at`, or one less where that would cut a surrogate pair; at ≥ 2. */
export function safeCut(text: string, at: number): number {
  return at < text.length && /[\uD800-\uDBFF]/.test(text[at - 1]!) ? at - 1 : at;
}
