/** Models that look words up: WordLevel as a whole, WordPiece piece by piece, longest first. */
import { InputError } from '../../errors.ts';
import { describe, type ModelJson } from '../tokenizerJson.ts';
import type { Vocabulary, WordModel } from './wordModel.ts';

abstract class WholeWordModel implements WordModel {
  protected readonly vocabulary: Vocabulary;
  protected readonly unknown: () => number;

  constructor(model: ModelJson, vocabulary: Vocabulary, where: string, usual: string) {
    const name = model.unk_token ?? usual;
    if (typeof name !== 'string')
      throw new InputError(`${where}.unk_token: found ${describe(name)}, expected a text`);
    const id = vocabulary.get(name);
    this.vocabulary = vocabulary;
    this.unknown = () => {
      if (id !== undefined) return id;
      throw new InputError(
        `${where}: the text has a word outside model.vocab, which has no ${describe(name)}`,
      );
    };
  }

  abstract encode(word: string): readonly number[];

  encodeLong(word: string): Iterable<readonly number[]> {
    return [this.encode(word)];
  }
}

export class WordLevel extends WholeWordModel {
  constructor(model: ModelJson, vocabulary: Vocabulary, where: string) {
    super(model, vocabulary, where, '<unk>');
  }

  encode(word: string): readonly number[] {
    return [this.vocabulary.get(word) ?? this.unknown()];
  }
}

export class WordPiece extends WholeWordModel {
  readonly #prefix: string;
  readonly #maxCharacters: number;
  readonly #longestToken: number;

  constructor(model: ModelJson, vocabulary: Vocabulary, where: string) {
    super(model, vocabulary, where, '[UNK]');
    const { continuing_subword_prefix: prefix = '##', max_input_chars_per_word: max = 100 } = model;
    if (typeof prefix !== 'string')
      throw new InputError(`${where}.continuing_subword_prefix: found ${describe(prefix)}, expected a text`);
    if (!Number.isInteger(max) || (max as number) < 0)
      throw new InputError(`${where}.max_input_chars_per_word: found ${describe(max)}, expected an integer`);
    this.#prefix = prefix;
    this.#maxCharacters = max as number;
    let longest = 0;
    for (const token of vocabulary.keys()) longest = Math.max(longest, token.length);
    this.#longestToken = longest;
  }

  encode(word: string): readonly number[] {
    if (word.length > this.#maxCharacters && [...word].length > this.#maxCharacters) return [this.unknown()];
    const ids: number[] = [];
    for (let start = 0; start < word.length; ) {
      const found = this.#longestAt(word, start);
      if (found === undefined) return [this.unknown()];
      ids.push(found.id);
      start = found.end;
    }
    return ids;
  }

  #longestAt(word: string, start: number): { id: number; end: number } | undefined {
    const prefix = start === 0 ? '' : this.#prefix;
    for (let end = Math.min(word.length, start + this.#longestToken); end > start; end--) {
      const id = this.vocabulary.get(prefix + word.slice(start, end));
      if (id !== undefined) return { id, end };
    }
    return undefined;
  }
}
