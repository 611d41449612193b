/**
 * Text to token ids and back, for any `tokenizer.json` that the Hugging Face library reads.
 *
 * The library encodes; words seen before are remembered (wordEncoder.ts), which makes long texts fast. Decoding
 * is this project's own (tokenBytes.ts), so that a stream of tokens and a whole text decode alike, and text
 * comes back as it went in: no "clean-up" of spaces before punctuation.
 */
import { InputError } from '../errors.ts';
import { type LibraryTokenizer, Tokenizer } from './library.ts';
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
import { WordEncoder } from './wordEncoder.ts';

export { TokenStream } from './tokenStream.ts';

export interface EncodeOptions {
  /** Add the tokens that the tokenizer puts around a text, such as `<s>` before it. Default true. */
  addSpecialTokens?: boolean;
}

export interface DecodeOptions {
  /** Leave out special tokens such as `</s>`. Default true. */
  skipSpecialTokens?: boolean;
}

export class TextTokenizer {
  /** The content of `tokenizer.json`, to be saved beside a model. */
  readonly json: TokenizerJson;
  /** The content of `tokenizer_config.json`. */
  readonly config: TokenizerConfig;
  /** One more than the largest id: the least number of logits that a model of this vocabulary has. */
  readonly vocabularySize: number;
  readonly bosTokenId: number | undefined;
  readonly eosTokenId: number | undefined;
  /** The Jinja template that turns messages into a prompt. */
  readonly chatTemplate: string | undefined;

  readonly #library: LibraryTokenizer;
  readonly #words: WordEncoder | undefined;
  readonly #bytes: TokenBytes;
  readonly #added: ReadonlyMap<string, number>;
  readonly #addedPattern: RegExp | undefined;
  readonly #specialIds: ReadonlySet<number>;
  readonly #before: readonly number[];
  readonly #after: readonly number[];

  private constructor(json: TokenizerJson, config: TokenizerConfig, source: string) {
    this.json = json;
    this.config = config;
    this.#library = build(json, config, source);
    const tokens = listTokens(json);
    this.vocabularySize = tokens.length;
    this.#bytes = tokenBytes(json, tokens, source);
    this.#words = WordEncoder.for(json, config, this.#library);
    this.#added = new Map(json.added_tokens.map((token) => [token.content, token.id]));
    this.#addedPattern = patternOf([...this.#added.keys()]);
    this.#specialIds = new Set(json.added_tokens.filter((token) => token.special).map((token) => token.id));
    [this.#before, this.#after] = surroundings(this.#library, source);
    this.bosTokenId = this.#roleId('bos_token', ['<s>', '<|begin_of_text|>', '<|endoftext|>']);
    this.eosTokenId = this.#roleId('eos_token', ['</s>', '<|end_of_text|>', '<|endoftext|>']);
    this.chatTemplate = chatTemplateOf(config);
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
    return files && TextTokenizer.fromJson(files.json, files.config, files.source);
  }

  /**
   * @param tokenizerJson the parsed content of `tokenizer.json`
   * @param tokenizerConfig the parsed content of `tokenizer_config.json`
   * @param source where they came from, for messages
   * @throws {InputError} naming the field
   */
  static fromJson(
    tokenizerJson: unknown,
    tokenizerConfig: unknown = {},
    source = 'tokenizer.json',
  ): TextTokenizer {
    const config = checkTokenizerConfig(
      tokenizerConfig,
      source.replace(/tokenizer\.json$/, 'tokenizer_config.json'),
    );
    return new TextTokenizer(checkTokenizerJson(tokenizerJson, source), config, source);
  }

  /** Ids of a text. A lone surrogate, which UTF-8 cannot hold, becomes U+FFFD. */
  encode(text: string, options: EncodeOptions = {}): number[] {
    const ids = this.#encodeBare(text.toWellFormed());
    return options.addSpecialTokens === false ? ids : [...this.#before, ...ids, ...this.#after];
  }

  /** The text of `ids`. An id without a token shows as U+FFFD. */
  decode(ids: Iterable<number>, options: DecodeOptions = {}): string {
    const stream = this.stream(options);
    let text = '';
    for (const id of ids) text += stream.push(id);
    return text + stream.end();
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
    return this.#library.token_to_id(token);
  }

  /** The token as the vocabulary spells it. */
  token(id: number | undefined): string | undefined {
    return id === undefined ? undefined : this.#library.id_to_token(id);
  }

  /** The bytes that a token stands for, which need not be whole characters. */
  bytes(id: number): Uint8Array {
    return this.#bytes.of(id);
  }

  /** Whether `id` is a special token: one that is no part of the text. */
  isSpecial(id: number): boolean {
    return this.#specialIds.has(id);
  }

  #encodeBare(text: string): number[] {
    if (text === '') return [];
    const ids: number[] = [];
    return this.#encodeByWords(text, ids)
      ? ids
      : this.#library.encode(text, { add_special_tokens: false }).ids;
  }

  #encodeByWords(text: string, ids: number[]): boolean {
    if (this.#words === undefined) return false;
    const sections = this.#addedPattern === undefined ? [text] : text.split(this.#addedPattern);
    if (sections.length > 1 && this.json.added_tokens.some((token) => token.lstrip || token.rstrip))
      return false;
    return sections
      .filter((section) => section !== '')
      .every((section, index) => {
        const id = this.#added.get(section);
        if (id === undefined) return this.#words!.encode(section, index, ids);
        ids.push(id);
        return true;
      });
  }

  #roleId(role: 'bos_token' | 'eos_token', usual: readonly string[]): number | undefined {
    const entry = this.config[role];
    const name = isObject(entry) ? entry.content : entry;
    if (name === undefined || name === null) {
      // Without a config, the names in common use decide. A config that says null means none.
      return role in this.config
        ? undefined
        : usual.map((token) => this.#added.get(token)).find((id) => id !== undefined);
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

function build(json: TokenizerJson, config: TokenizerConfig, source: string): LibraryTokenizer {
  try {
    return new Tokenizer(json, config);
  } catch (error) {
    throw new InputError(`${source}: ${(error as Error).message}`, { cause: error });
  }
}

/** id → token. */
function listTokens(json: TokenizerJson): (string | undefined)[] {
  const { vocab } = json.model;
  const tokens: (string | undefined)[] = [];
  if (Array.isArray(vocab)) for (const [token] of vocab) tokens.push(token);
  else for (const [token, id] of Object.entries(vocab)) tokens[id] = token;
  for (const { id, content } of json.added_tokens) tokens[id] = content;
  return tokens;
}

/** A pattern that splits a text at the given tokens and keeps them; the longest wins. */
function patternOf(tokens: readonly string[]): RegExp | undefined {
  if (tokens.length === 0) return undefined;
  const longestFirst = [...tokens].sort((a, b) => b.length - a.length);
  return new RegExp(
    `(${longestFirst.map((token) => token.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('|')})`,
  );
}

/** The ids that the tokenizer puts before and after a text, seen by encoding one with and without them. */
function surroundings(library: LibraryTokenizer, source: string): [number[], number[]] {
  try {
    const bare = library.encode('a', { add_special_tokens: false }).ids;
    const full = library.encode('a', { add_special_tokens: true }).ids;
    const start = full.findIndex((_, at) => bare.every((id, i) => full[at + i] === id));
    if ([...bare, ...full].some((id) => !Number.isInteger(id)) || start < 0)
      throw new Error('an unknown token');
    return [full.slice(0, start), full.slice(start + bare.length)];
  } catch (error) {
    throw new InputError(`${source}: encoding the text "a" failed: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** Configs hold one template, or several with names, of which `default` counts. */
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
