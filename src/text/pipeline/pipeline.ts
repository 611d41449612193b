/**
 * From text to token ids as `tokenizer.json` describes it: added tokens, normalizer, pre-tokenizer, model. Runs in
 * batches, so that a long text can be left early or encoded in slices; its results are those of Hugging Face's Rust library.
 */
import { BoundedCache } from '../boundedCache.ts';
import type { AddedToken, TokenizerJson } from '../tokenizerJson.ts';
import { AddedTokens, type AllowSpecial } from './addedTokens.ts';
import { Bpe } from './bpe.ts';
import { type Normalize, normalizerOf } from './normalizers.ts';
import { type Place, type PreTokenizer, preTokenizerOf } from './preTokenizers.ts';
import { Unigram } from './unigram.ts';
import { WordLevel, WordPiece } from './wholeWordModels.ts';
import { LONG_WORD, type Vocabulary, type WordModel } from './wordModel.ts';

const CACHED_WORDS = 2 ** 17;
const BATCH = 1024;
/** Words without a token are cheap, but a text can be made of them. */
const WORDS_PER_PAUSE = 4096;

/** Ids of a part of the text that other parts do not touch: an added token, or text between two. */
export interface EncodedSection {
  readonly start: number;
  readonly end: number;
  /** Empty batches are opportunities to pause. */
  readonly batches: Iterable<readonly number[]>;
}

export class Pipeline {
  readonly #normalize: Normalize | undefined;
  readonly #preTokenizer: PreTokenizer;
  readonly #model: WordModel;
  /** Tokens sought in the text as it is, and those sought once it is normalised. */
  readonly #added: AddedTokens;
  readonly #normalizedAdded: AddedTokens | undefined;
  readonly #cache = new BoundedCache<readonly number[]>(CACHED_WORDS);

  constructor(json: TokenizerJson, vocabulary: Vocabulary, source: string) {
    const normalize = normalizerOf(json.normalizer, `${source}: normalizer`);
    this.#normalize = normalize;
    this.#preTokenizer = preTokenizerOf(json.pre_tokenizer, `${source}: pre_tokenizer`);
    this.#model = modelOf(json, vocabulary, `${source}: model`);
    this.#added = new AddedTokens(json.added_tokens.filter((token) => !isNormalized(token)));
    const normalized = json.added_tokens.filter(isNormalized);
    this.#normalizedAdded =
      normalized.length === 0 ? undefined : new AddedTokens(normalized, (token) => this.spelling(token));
  }

  /** How an added token is spelled in the normalised text. */
  spelling(token: AddedToken): string {
    return isNormalized(token) ? (this.#normalize?.(token.content) ?? token.content) : token.content;
  }

  /**
   * The text in sections, in order; each must be read to its end before the next.
   * @param allowSpecial which special tokens that the text spells count as such
   * @param continues whether the text continues an earlier one: no space is put before it
   */
  *sections(text: string, allowSpecial: AllowSpecial, continues = false): Generator<EncodedSection> {
    for (const { start, end, id } of this.#added.sections(text, allowSpecial)) {
      const batches = id === undefined ? this.#text(text, start, end, allowSpecial, continues) : [[id]];
      yield { start, end, batches };
    }
  }

  *#text(
    text: string,
    start: number,
    end: number,
    allowSpecial: AllowSpecial,
    continues: boolean,
  ): Generator<readonly number[]> {
    const raw = text.slice(start, end);
    const place = { first: start === 0, continues: continues && start === 0 };
    const normalized = this.#normalize?.(raw, place.continues) ?? raw;
    if (this.#normalizedAdded === undefined) return yield* this.#words(normalized, place);
    // Where normalizing moved the characters, a token is known to lie in this part only.
    const allow: AllowSpecial = (from, to) =>
      normalized === raw ? allowSpecial(start + from, start + to) : allowSpecial(start, end);
    for (const section of this.#normalizedAdded.sections(normalized, allow)) {
      if (section.id !== undefined) yield [section.id];
      else {
        const atStart = section.start === 0;
        const inner = { first: place.first && atStart, continues: place.continues && atStart };
        yield* this.#words(normalized.slice(section.start, section.end), inner);
      }
    }
  }

  *#words(text: string, place: Place): Generator<readonly number[]> {
    let batch: number[] = [];
    let words = 0;
    for (const word of this.#preTokenizer.words(text, place)) {
      words++;
      if (word.length > LONG_WORD) {
        yield batch;
        batch = [];
        yield* this.#model.encodeLong(this.#preTokenizer.spell(word));
      } else for (const id of this.#word(word)) batch.push(id);
      if (batch.length < BATCH && words % WORDS_PER_PAUSE > 0) continue;
      yield batch;
      batch = [];
    }
    yield batch;
  }

  #word(word: string): readonly number[] {
    let ids = this.#cache.get(word);
    if (ids === undefined) {
      ids = this.#model.encode(this.#preTokenizer.spell(word));
      this.#cache.set(word, ids);
    }
    return ids;
  }
}

function isNormalized(token: AddedToken): boolean {
  return token.normalized ?? !token.special;
}

function modelOf({ model }: TokenizerJson, vocabulary: Vocabulary, where: string): WordModel {
  switch (kindOf(model)) {
    case 'Unigram':
      return new Unigram(model, vocabulary, where);
    case 'WordPiece':
      return new WordPiece(model, vocabulary, where);
    case 'WordLevel':
      return new WordLevel(model, vocabulary, where);
    default:
      return new Bpe(model, vocabulary, where);
  }
}

/** Old files do not name the kind of model. */
function kindOf({ type, merges, vocab, continuing_subword_prefix }: TokenizerJson['model']): string {
  if (type !== undefined) return type;
  if (merges !== undefined) return 'BPE';
  if (Array.isArray(vocab)) return 'Unigram';
  return continuing_subword_prefix === undefined ? 'WordLevel' : 'WordPiece';
}
