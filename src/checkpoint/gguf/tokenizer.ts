/** The tokenizer in a GGUF file's metadata, as the contents of `tokenizer.json` and `tokenizer_config.json`. */
import { parseJsonObject, show } from '../../json.ts';
import { surroundedBy, tokenizerOfPieces } from '../../text/sentencepiece.ts';
import {
  type AddedToken,
  checkTokenizerJson,
  MAX_VOCABULARY,
  type TokenizerConfig,
  type TokenizerJson,
} from '../../text/tokenizerJson.ts';
import type { Metadata } from './metadata.ts';
import { splittingNames, splittingOf } from './splitting.ts';

/** GGUF's numbers for kinds of tokens; they are SentencePiece's. */
const NORMAL = 1;
const CONTROL = 3;
const USER_DEFINED = 4;
const UNUSED = 5;

export interface GgufTokenizer {
  readonly json: TokenizerJson;
  readonly config: TokenizerConfig;
}

/** A merge makes a token; a few tokens have several. */
const MAX_MERGES = 2 * MAX_VOCABULARY;

const key = (name: string) => `tokenizer.ggml.${name}`;

/**
 * @returns undefined if the file has no tokenizer
 * @throws InputError for a kind of tokenizer that is not supported
 */
export function tokenizerOf(metadata: Metadata): GgufTokenizer | undefined {
  const model = metadata.text(key('model'), { absent: 'none' });
  if (model === 'none' || model === 'no_vocab') return undefined;
  if (model !== 'gpt2' && model !== 'llama') throw metadata.error(key('model'), '"gpt2" or "llama"');
  const tokens = tokensOf(metadata);
  const whole = tokenizerJson(metadata);
  const json = whole ?? (model === 'gpt2' ? byteLevel(metadata, tokens) : sentencePieces(metadata, tokens));
  return { json, config: configOf(metadata, tokens) };
}

/** The `tokenizer.json` that a file was made from, which some hold beside the rest. */
function tokenizerJson(metadata: Metadata): TokenizerJson | undefined {
  const name = 'tokenizer.huggingface.json';
  if (!metadata.has(name)) return undefined;
  const bytes = new TextEncoder().encode(metadata.text(name));
  return checkTokenizerJson(parseJsonObject(bytes, metadata.where(name)), metadata.where(name));
}

interface Token {
  readonly text: string;
  readonly kind: number;
}

function tokensOf(metadata: Metadata): Token[] {
  const count = metadata.count(key('tokens'));
  if (count === 0 || count > MAX_VOCABULARY)
    throw metadata.error(key('tokens'), `1 to ${MAX_VOCABULARY} tokens`);
  const texts = metadata.texts(key('tokens'));
  const kinds = metadata.has(key('token_type')) ? numberOfEach(metadata, 'token_type', count) : undefined;
  return texts.map((text, id) => ({ text, kind: kinds?.[id] ?? NORMAL }));
}

/** An array with a number for each token. */
function numberOfEach(metadata: Metadata, name: string, tokens: number): number[] {
  if (metadata.count(key(name)) !== tokens)
    throw metadata.error(key(name), `one for each of ${tokens} tokens`);
  return metadata.numbers(key(name));
}

/** The ids of the tokens that end a text, a turn or a message. */
export function endTokens(metadata: Metadata): number[] {
  const given = ['eos', 'eot', 'eom']
    .map((role) => key(`${role}_token_id`))
    .filter((name) => metadata.has(name))
    .map((name) => metadata.integer(name));
  return [...new Set(given)];
}

function configOf(metadata: Metadata, tokens: readonly Token[]): TokenizerConfig {
  const role = (name: string) => {
    const id = idOf(metadata, name, tokens);
    return id === undefined ? null : tokens[id]!.text;
  };
  const template = key('chat_template').replace('.ggml', '');
  return {
    bos_token: role('bos'),
    eos_token: role('eos'),
    ...(metadata.has(template) ? { chat_template: metadata.text(template) } : {}),
  };
}

function idOf(metadata: Metadata, role: string, tokens: readonly Token[]): number | undefined {
  const name = key(`${role}_token_id`);
  if (!metadata.has(name)) return undefined;
  const id = metadata.integer(name);
  if (id < tokens.length) return id;
  throw metadata.error(name, `a token, of which there are ${tokens.length}`);
}

/** The tokens that come before and after each text. */
function surroundings(metadata: Metadata, tokens: readonly Token[], addsBos: boolean) {
  const wanted = (role: string, absent: boolean) => {
    const id = metadata.flag(key(`add_${role}_token`), { absent }) ? idOf(metadata, role, tokens) : undefined;
    return id === undefined ? undefined : { id, content: tokens[id]!.text };
  };
  return surroundedBy(wanted('bos', addsBos), wanted('eos', false));
}

/** Tokens that are found in a text as they are spelled. */
function addedTokens(tokens: readonly Token[]): AddedToken[] {
  return tokens.flatMap(({ text, kind }, id) => {
    if (kind !== CONTROL && kind !== USER_DEFINED) return [];
    const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false };
    return [{ id, content: text, ...flags, special: kind === CONTROL }];
  });
}

/** Byte-level BPE, as Llama 3, Qwen and Falcon have it. */
function byteLevel(metadata: Metadata, tokens: readonly Token[]): TokenizerJson {
  const splitting = splittingOfFile(metadata);
  const used = new Map(
    tokens.flatMap(({ text, kind }, id) => (kind === UNUSED ? [] : [[text, id] as const])),
  );
  return {
    version: '1.0',
    added_tokens: addedTokens(tokens),
    normalizer: splitting.normalizer,
    pre_tokenizer: splitting.preTokenizer,
    post_processor: surroundings(metadata, tokens, splitting.addsBos),
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: splitting.ignoreMerges,
      vocab: Object.fromEntries(used),
      merges: mergesOf(metadata).filter((merge) => joinsTokens(merge, used)),
    },
  };
}

function mergesOf(metadata: Metadata): string[] {
  if (metadata.count(key('merges')) > MAX_MERGES)
    throw metadata.error(key('merges'), `at most ${MAX_MERGES} merges`);
  return metadata.texts(key('merges'));
}

/** Files whose vocabulary was cut have merges that never apply. */
function joinsTokens(merge: string, tokens: ReadonlyMap<string, number>): boolean {
  const [left, right] = merge.split(' ');
  return tokens.has(left ?? '') && tokens.has(right ?? '') && tokens.has(`${left}${right}`);
}

/** Microsoft's files of BitNet do not name the splitting, which is Llama 3's. */
function splittingOfFile(metadata: Metadata) {
  const isBitNet = metadata.text('general.architecture').startsWith('bitnet');
  const absent = isBitNet ? 'llama-bpe' : 'default';
  const splitting = splittingOf(metadata.text(key('pre'), { absent }));
  if (splitting) return splitting;
  throw metadata.error(key('pre'), `a splitting that is known: ${splittingNames}`);
}

/** SentencePiece BPE, as Llama 2 and TriLM have it. */
function sentencePieces(metadata: Metadata, tokens: readonly Token[]): TokenizerJson {
  const scores = numberOfEach(metadata, 'scores', tokens.length);
  const pieces = tokens.map(({ text, kind }, id) => ({ text, type: kind, score: scores[id]! }));
  const prefixSpace = metadata.flag(key('add_space_prefix'), { absent: true });
  const json = tokenizerOfPieces(pieces, { prefixSpace, source: show(key('tokens')) });
  return { ...json, post_processor: surroundings(metadata, tokens, true) };
}
