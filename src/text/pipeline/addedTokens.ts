/** Added tokens: texts that are one token wherever they occur, found before the model sees the rest. */
import type { AddedToken } from '../tokenizerJson.ts';
import { isWhiteSpace, isWordCharacter } from './characters.ts';
import { Trie } from './trie.ts';

/** A piece of a text: an added token's id, or text. */
export interface Section {
  readonly start: number;
  readonly end: number;
  readonly id: number | undefined;
}

/** Whether the special token at these offsets counts as one; otherwise it is text. */
export type AllowSpecial = (start: number, end: number) => boolean;

export class AddedTokens {
  readonly #tokens: readonly AddedToken[];
  readonly #trie = new Trie();
  /** Code units that a token begins with. */
  readonly #first = new Uint8Array(2 ** 16);

  /** @param spelling how a token is spelled where it is sought */
  constructor(
    tokens: readonly AddedToken[],
    spelling: (token: AddedToken) => string = ({ content }) => content,
  ) {
    this.#tokens = tokens;
    tokens.forEach((token, index) => {
      const text = spelling(token);
      if (text === '') return;
      this.#trie.add(text, index);
      this.#first[text.charCodeAt(0)] = 1;
    });
  }

  /** Cuts a text at the tokens: of those that begin at a place, the longest counts. */
  *sections(text: string, allowSpecial: AllowSpecial): Generator<Section> {
    let done = 0;
    for (let at = this.#nextStart(text, 0); at < text.length; ) {
      const found = this.#trie.longestAt(text, at);
      if (found === undefined) {
        at = this.#nextStart(text, at + 1);
        continue;
      }
      const token = this.#tokens[found.value]!;
      if (counts(token, text, at, found.end) && (!token.special || allowSpecial(at, found.end))) {
        const start = token.lstrip ? Math.max(done, spaceBefore(text, at)) : at;
        const end = token.rstrip ? spaceAfter(text, found.end) : found.end;
        if (start > done) yield { start: done, end: start, id: undefined };
        yield { start, end, id: token.id };
        done = end;
      }
      at = this.#nextStart(text, Math.max(found.end, done));
    }
    if (done < text.length) yield { start: done, end: text.length, id: undefined };
  }

  #nextStart(text: string, from: number): number {
    let at = from;
    while (at < text.length && this.#first[text.charCodeAt(at)] === 0) at++;
    return at;
  }
}

function counts(token: AddedToken, text: string, start: number, end: number): boolean {
  if (!token.single_word) return true;
  const before = start > 0 && isWordCharacter(codePointBefore(text, start));
  const after = end < text.length && isWordCharacter(text.codePointAt(end)!);
  return !before && !after;
}

function codePointBefore(text: string, at: number): number {
  const low = text.charCodeAt(at - 1);
  return low >= 0xdc00 && low < 0xe000 && at > 1 ? text.codePointAt(at - 2)! : low;
}

function spaceBefore(text: string, at: number): number {
  let start = at;
  while (start > 0 && isWhiteSpace(text.charCodeAt(start - 1))) start--;
  return start;
}

function spaceAfter(text: string, at: number): number {
  let end = at;
  while (end < text.length && isWhiteSpace(text.charCodeAt(end))) end++;
  return end;
}
