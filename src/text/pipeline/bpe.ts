/** Byte-pair encoding: a word's characters merge pair by pair. */
import { InputError } from '../../errors.ts';
import { BoundedCache } from '../boundedCache.ts';
import { describe, type ModelJson } from '../tokenizerJson.ts';
import { Merges } from './merges.ts';
import { byteTokens, LONG_WORD, spelledInBytes, type Vocabulary, type WordModel } from './wordModel.ts';

const CACHED_PARTS = 2 ** 16;

export class Bpe implements WordModel {
  readonly #vocabulary: Vocabulary;
  readonly #merges: Merges;
  readonly #prefix: string;
  readonly #suffix: string;
  readonly #unknown: number | undefined;
  readonly #fusesUnknown: boolean;
  readonly #bytes: readonly (number | undefined)[] | undefined;
  readonly #wholeFirst: boolean;
  readonly #parts = new BoundedCache<readonly number[]>(CACHED_PARTS);
  #joined: ReadonlySet<number> | undefined;

  constructor(model: ModelJson, vocabulary: Vocabulary, where: string) {
    const text = (name: string) => optionalText(model, name, where);
    this.#vocabulary = vocabulary;
    this.#merges = new Merges(model, vocabulary, where);
    this.#prefix = text('continuing_subword_prefix') ?? '';
    this.#suffix = text('end_of_word_suffix') ?? '';
    const unknown = text('unk_token');
    this.#unknown = unknown === undefined ? undefined : vocabulary.get(unknown);
    if (unknown !== undefined && this.#unknown === undefined)
      throw new InputError(`${where}.unk_token: found ${describe(unknown)}, expected a token of model.vocab`);
    this.#fusesUnknown = model.fuse_unk === true;
    this.#bytes = model.byte_fallback === true ? byteTokens(vocabulary) : undefined;
    this.#wholeFirst = model.ignore_merges === true;
    if (model.dropout !== undefined && model.dropout !== null && model.dropout !== 0)
      throw new InputError(
        `${where}.dropout: found ${describe(model.dropout)}, expected null: the same text must give the same tokens`,
      );
  }

  encode(word: string): readonly number[] {
    const whole = this.#wholeFirst ? this.#vocabulary.get(word) : undefined;
    return whole === undefined ? this.#merges.apply(this.#symbols(word)) : [whole];
  }

  *encodeLong(word: string): Generator<readonly number[]> {
    const whole = this.#wholeFirst ? this.#vocabulary.get(word) : undefined;
    if (whole !== undefined) return yield [whole];
    if (!this.#cuts) return yield* this.#merges.applyLong(this.#symbols(word));
    let batch: number[] = [];
    for (const part of this.#cut(word)) {
      if (part.length > LONG_WORD) {
        yield batch;
        batch = [];
        yield* this.#merges.applyLong(this.#symbols(part));
      } else batch.push(...this.#part(part));
      if (batch.length < BATCH) continue;
      yield batch;
      batch = [];
    }
    yield batch;
  }

  #part(part: string): readonly number[] {
    let ids = this.#parts.get(part);
    if (ids === undefined) {
      ids = this.#merges.apply(this.#symbols(part));
      this.#parts.set(part, ids);
    }
    return ids;
  }

  /** The ids of the characters. */
  #symbols(word: string): number[] {
    const ids: number[] = [];
    let unknown = false; // as long as the unknown characters before are not in `ids` yet
    const flush = () => {
      if (unknown) ids.push(this.#unknown!);
      unknown = false;
    };
    let at = 0;
    for (const character of word) {
      const isFirst = at === 0;
      at += character.length;
      const id = this.#characterId(character, isFirst, at === word.length);
      const bytes = id === undefined && this.#bytes ? spelledInBytes(character, this.#bytes) : undefined;
      if (id !== undefined) {
        flush();
        ids.push(id);
      } else if (bytes) ids.push(...bytes);
      else if (this.#unknown !== undefined) {
        if (!this.#fusesUnknown) flush();
        unknown = true;
      }
    }
    flush();
    return ids;
  }

  #characterId(character: string, isFirst: boolean, isLast: boolean): number | undefined {
    if (this.#prefix === '' && this.#suffix === '') return this.#vocabulary.get(character);
    return this.#vocabulary.get((isFirst ? '' : this.#prefix) + character + (isLast ? this.#suffix : ''));
  }

  /** Whether a word may be cut where no token has the two characters next to each other: no merge reaches across. */
  get #cuts(): boolean {
    if (this.#prefix !== '' || this.#suffix !== '' || this.#merges.mergesBytes) return false;
    return (
      !this.#fusesUnknown ||
      this.#unknown === undefined ||
      this.#bytes?.every((id) => id !== undefined) === true
    );
  }

  *#cut(word: string): Generator<string> {
    this.#joined ??= neighbours(this.#vocabulary);
    let start = 0;
    let before = word.charCodeAt(0);
    for (let at = 1; at < word.length; at++) {
      const code = word.charCodeAt(at);
      const inside = code >= 0xdc00 && code < 0xe000; // the second half of a character
      if (!inside && !this.#joined.has(before * 2 ** 16 + code)) {
        yield word.slice(start, at);
        start = at;
      }
      before = code;
    }
    yield word.slice(start);
  }
}

const BATCH = 1024;

/** Pairs of characters that are neighbours in a token. */
function neighbours(vocabulary: Vocabulary): Set<number> {
  const pairs = new Set<number>();
  for (const token of vocabulary.keys()) {
    for (let at = 1; at < token.length; at++)
      pairs.add(token.charCodeAt(at - 1) * 2 ** 16 + token.charCodeAt(at));
  }
  return pairs;
}

function optionalText(model: ModelJson, name: string, where: string): string | undefined {
  const value = model[name] ?? undefined;
  if (value === undefined || typeof value === 'string') return value;
  throw new InputError(`${where}.${name}: found ${describe(value)}, expected a text or null`);
}
