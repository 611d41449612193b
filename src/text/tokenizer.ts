/**
 * Text to token ids and back, as a `tokenizer.json` of the Hugging Face ecosystem describes it.
 *
 * Encoding (pipeline/) gives the ids that Hugging Face's Rust library gives. Decoding (tokenBytes.ts) works token by
 * token, so that a stream and a whole text decode alike, and text comes back as it went in: without "clean-up" of
 * spaces before punctuation.
 */
import { InputError } from '../errors.ts';
import { atOnce, batchesOf, commonLength, type LimitedIds, takeIds, tokensBefore } from './encoding.ts';
import type { AllowSpecial } from './pipeline/addedTokens.ts';
import { Pipeline } from './pipeline/pipeline.ts';
import { type Surroundings, surroundingsOf } from './pipeline/postProcessor.ts';
import { type TokenBytes, tokenBytes } from './tokenBytes.ts';
import { readTokenizer } from './tokenizerFiles.ts';
import {
  checkTokenizerConfig,
  checkTokenizerJson,
  describe,
  isObject,
  type TokenizerConfig,
  type TokenizerJson,
} from './tokenizerJson.ts';
import { TokenStream } from './tokenStream.ts';
import { tokenTables } from './vocabulary.ts';

export type { LimitedIds } from './encoding.ts';

export interface EncodeOptions {
  /** Add the tokens that the tokenizer puts around a text, such as `<s>` before it. Default true. */
  addSpecialTokens?: boolean;
  /**
   * Whether special tokens that the text spells, such as `</s>`, become these tokens. Default false: text is text.
   * A function decides for each occurrence, given its offsets.
   */
  allowSpecial?: boolean | AllowSpecial;
  /** The text continues an earlier one: the tokenizer puts no space before it. Default false. */
  continues?: boolean;
}

export interface DecodeOptions {
  /** Leave out special tokens such as `</s>`. Default true. */
  skipSpecialTokens?: boolean;
}

/** Converts between text and token ids, as the `tokenizer.json` of a model says. */
export class TextTokenizer {
  /** The content of `tokenizer.json`, to be saved beside a model. */
  readonly json: TokenizerJson;
  /** The content of `tokenizer_config.json`. */
  readonly config: TokenizerConfig;
  /** One more than the largest id: the min vocabulary size of a model for this tokenizer. */
  readonly vocabularySize: number;
  readonly bosTokenId: number | undefined;
  readonly eosTokenId: number | undefined;
  /** Tokens that end what the model writes: of tokenizer, config.json, generation_config.json, special_tokens_map.json. */
  readonly endTokenIds: readonly number[];
  /** The Jinja template that turns messages into a prompt. */
  readonly chatTemplate: string | undefined;

  /** The special tokens as texts. */
  readonly specialTokens: readonly string[];

  readonly #pipeline: Pipeline;
  readonly #idOf: ReadonlyMap<string, number>;
  readonly #tokens: readonly (string | undefined)[];
  readonly #bytes: TokenBytes;
  readonly #specialIds: ReadonlySet<number>;
  readonly #surroundings: Surroundings;
  readonly #source: string;

  private constructor(
    json: TokenizerJson,
    config: TokenizerConfig,
    source: string,
    ends: readonly (number | string)[],
  ) {
    this.json = json;
    this.config = config;
    const { modelIds, idOf, tokens } = tokenTables(json, source);
    this.#idOf = idOf;
    this.#tokens = tokens;
    this.vocabularySize = tokens.length;
    this.#pipeline = new Pipeline(json, modelIds, source);
    const shown = [...tokens];
    for (const token of json.added_tokens) shown[token.id] = this.#pipeline.spelling(token);
    this.#bytes = tokenBytes(json, shown, source);
    const specials = json.added_tokens.filter((token) => token.special);
    this.#specialIds = new Set(specials.map((token) => token.id));
    this.specialTokens = specials.map((token) => token.content);
    this.#surroundings = surroundingsOf(json.post_processor, `${source}: post_processor`);
    this.bosTokenId = this.#roleId('bos_token', ['<s>', '<|begin_of_text|>', '<|endoftext|>']);
    this.eosTokenId = this.#roleId('eos_token', ['</s>', '<|end_of_text|>', '<|endoftext|>']);
    const endIds = [this.eosTokenId, ...ends.map((end) => (typeof end === 'string' ? idOf.get(end) : end))];
    this.endTokenIds = [...new Set(endIds)].filter(
      (id) => id !== undefined && tokens[id] !== undefined,
    ) as number[];
    this.chatTemplate = chatTemplateOf(config);
    this.#source = source;
  }

  /**
   * Reads `tokenizer.json` and, where present, `tokenizer_config.json` and `chat_template.jinja` of a folder; or
   * a SentencePiece `tokenizer.model` in place of the first.
   * @throws {InputError} naming file and field
   */
  static async load(folder: string): Promise<TextTokenizer> {
    const tokenizer = await TextTokenizer.loadIfPresent(folder);
    if (tokenizer) return tokenizer;
    throw new InputError(`${folder}: found no tokenizer, expected tokenizer.json or tokenizer.model there`);
  }

  /** Like `load`; undefined if the folder holds no tokenizer. */
  static async loadIfPresent(folder: string): Promise<TextTokenizer | undefined> {
    const files = await readTokenizer(folder);
    return files && TextTokenizer.fromJson(files.json, files.config, files.source, files.ends);
  }

  /**
   * @param tokenizerJson the parsed content of `tokenizer.json`
   * @param tokenizerConfig the parsed content of `tokenizer_config.json`
   * @param source where they came from, for messages
   * @param ends more tokens, by id or text, that end what the model writes
   * @throws {InputError} naming the field
   */
  static fromJson(
    tokenizerJson: unknown,
    tokenizerConfig: unknown = {},
    source = 'tokenizer.json',
    ends: readonly (number | string)[] = [],
  ): TextTokenizer {
    const config = checkTokenizerConfig(
      tokenizerConfig,
      source.replace(/tokenizer\.json$/, 'tokenizer_config.json'),
    );
    return new TextTokenizer(checkTokenizerJson(tokenizerJson, source), config, source, ends);
  }

  /**
   * Checks that a model has a logit for each token.
   * @param modelVocabulary tokens of the model
   * @param model its name or folder, for the message
   * @throws {InputError} naming both sizes
   */
  checkFits(modelVocabulary: number, model: string): void {
    if (this.vocabularySize <= modelVocabulary) return;
    throw new InputError(
      `${this.#source}: found ${this.vocabularySize} tokens, but ${model} has a vocabulary of ${modelVocabulary}; ` +
        'expected the tokenizer that belongs to this model',
    );
  }

  /** Ids of a text. A lone surrogate, which UTF-8 cannot hold, becomes U+FFFD. */
  encode(text: string, options: EncodeOptions = {}): number[] {
    return atOnce(takeIds(this.#batches(text, options), Number.POSITIVE_INFINITY)).ids;
  }

  /** The first `limit` ids of a text; the work ends soon after the limit, however long the text is. */
  encodeUpTo(text: string, limit: number, options: EncodeOptions = {}): LimitedIds {
    return atOnce(takeIds(this.#batches(text, options), limit));
  }

  /** Like `encodeUpTo`; yields every millisecond or so, so that the caller can let other work run. */
  encodeStepwise(text: string, limit: number, options: EncodeOptions = {}): Generator<undefined, LimitedIds> {
    return takeIds(this.#batches(text, options), limit);
  }

  /**
   * Ids of a text, without surrounding tokens, and where offsets of the text lie among them.
   * @param offsets in ascending order
   * @returns `before[i]`: how many tokens end at or before `offsets[i]`
   */
  encodeWithOffsets(
    text: string,
    offsets: readonly number[],
    options: Pick<EncodeOptions, 'allowSpecial' | 'continues'> = {},
  ): { ids: number[]; before: number[] } {
    const { ids, before } = atOnce(this.#withOffsets(text, offsets, Number.POSITIVE_INFINITY, options));
    return { ids, before };
  }

  /**
   * Like `encodeWithOffsets`, yielding as `encodeStepwise` does, and ending soon after `limit` ids; `before` is then not
   * exact.
   */
  encodeWithOffsetsStepwise(
    text: string,
    offsets: readonly number[],
    limit: number,
    options: Pick<EncodeOptions, 'allowSpecial' | 'continues'> = {},
  ): Generator<undefined, LimitedIds & { before: number[] }> {
    return this.#withOffsets(text, offsets, limit, options);
  }

  *#withOffsets(
    text: string,
    offsets: readonly number[],
    limit: number,
    { allowSpecial = false, continues }: Pick<EncodeOptions, 'allowSpecial' | 'continues'>,
  ): Generator<undefined, LimitedIds & { before: number[] }> {
    const whole = text.toWellFormed();
    const ids: number[] = [];
    const before = offsets.map(() => 0);
    const sections = this.#pipeline.sections(whole, predicateOf(allowSpecial), continues);
    for (const { start, end, batches } of sections) {
      const { ids: sectionIds, complete } = yield* takeIds(batches, limit - ids.length);
      if (!complete) return { ids: [...ids, ...sectionIds], before, complete };
      offsets.forEach((offset, index) => {
        if (offset >= end) before[index] = ids.length + sectionIds.length;
        else if (offset > start)
          before[index] = ids.length + this.#countBefore(whole.slice(start, end), sectionIds, offset - start);
      });
      for (const id of sectionIds) ids.push(id);
    }
    return { ids, before, complete: true };
  }

  #countBefore(text: string, ids: readonly number[], offset: number): number {
    const exact = tokensBefore(text, ids, offset, (id) => this.#bytes.of(id));
    // Where normalizing changed the text, tokens that the beginning alone has too lie before the offset.
    return exact ?? commonLength(ids, this.encode(text.slice(0, offset), { addSpecialTokens: false }));
  }

  *#batches(
    text: string,
    { addSpecialTokens = true, allowSpecial = false, continues = false }: EncodeOptions,
  ): Generator<readonly number[]> {
    const sections = this.#pipeline.sections(text.toWellFormed(), predicateOf(allowSpecial), continues);
    if (addSpecialTokens) yield this.#surroundings.before;
    yield* batchesOf(sections);
    if (addSpecialTokens) yield this.#surroundings.after;
  }

  /** The text of `ids`. An id without a token shows as U+FFFD. */
  decode(ids: Iterable<number>, options: DecodeOptions = {}): string {
    const stream = this.stream(options);
    return stream.pushAll(ids) + stream.end();
  }

  /**
   * Decodes token by token. To continue a text, push its ids first and drop what comes out: a tokenizer that
   * puts a space before each text then knows that the next space is the text's own.
   */
  stream(options: DecodeOptions = {}): TokenStream {
    return new TokenStream(this.#bytes, options.skipSpecialTokens === false ? new Set() : this.#specialIds);
  }

  /** The id of a token given as the vocabulary spells it, such as `</s>`. */
  tokenId(token: string): number | undefined {
    return this.#idOf.get(token);
  }

  /** The token as the vocabulary spells it. */
  token(id: number | undefined): string | undefined {
    return id === undefined ? undefined : this.#tokens[id];
  }

  /** The bytes that a token stands for, which need not be whole characters. */
  bytes(id: number): Uint8Array {
    return this.#bytes.of(id);
  }

  /** Whether `id` is a special token, which is not part of the text. */
  isSpecial(id: number): boolean {
    return this.#specialIds.has(id);
  }

  #roleId(role: 'bos_token' | 'eos_token', usual: readonly string[]): number | undefined {
    const entry = this.config[role];
    const name = isObject(entry) ? entry.content : entry;
    if (name === undefined || name === null) {
      // Without a config, the names in common use decide. A config that says null means none.
      return role in this.config
        ? undefined
        : usual.map((token) => this.#idOf.get(token)).find((id) => id !== undefined);
    }
    const id = typeof name === 'string' ? this.tokenId(name) : undefined;
    if (id === undefined) {
      throw new InputError(
        `tokenizer_config.json: ${role}: found ${describe(name)}, expected a token of tokenizer.json`,
      );
    }
    return id;
  }
}

function predicateOf(allowSpecial: boolean | AllowSpecial): AllowSpecial {
  return typeof allowSpecial === 'function' ? allowSpecial : () => allowSpecial;
}

/** Configs hold one template, or several with names; `default` is used. */
function chatTemplateOf(config: TokenizerConfig): string | undefined {
  const template = config.chat_template ?? undefined;
  if (template === undefined || typeof template === 'string') return template;
  const named: unknown[] = Array.isArray(template) ? template : [];
  const chosen = named.find((entry) => isObject(entry) && entry.name === 'default') ?? named[0];
  if (isObject(chosen) && typeof chosen.template === 'string') return chosen.template;
  throw new InputError(
    `tokenizer_config.json: chat_template: found ${describe(template)}, expected a text or a list of {name, template}`,
  );
}
