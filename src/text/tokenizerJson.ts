/**
 * What a `tokenizer.json` (and `tokenizer_config.json`) of the Hugging Face ecosystem holds, and the check that
 * a file from outside holds it. Only the parts that PlusMinus reads itself are typed; the rest is passed on.
 */
import { InputError } from '../errors.ts';

/** A step of the pipeline: `type` names it, the other fields are its settings. */
export interface Component {
  type: string;
  [setting: string]: unknown;
}

export interface AddedToken {
  id: number;
  content: string;
  special?: boolean;
  normalized?: boolean;
  lstrip?: boolean;
  rstrip?: boolean;
  single_word?: boolean;
}

export interface ModelJson {
  type?: string;
  /** text → id; for Unigram models a list of [text, score] in the order of their ids */
  vocab: Record<string, number> | [string, number][];
  merges?: (string | [string, string])[];
  [setting: string]: unknown;
}

export interface TokenizerJson {
  added_tokens: AddedToken[];
  normalizer: Component | null;
  pre_tokenizer: Component | null;
  post_processor: Component | null;
  decoder: Component | null;
  model: ModelJson;
  [field: string]: unknown;
}

export interface TokenizerConfig {
  bos_token?: unknown;
  eos_token?: unknown;
  chat_template?: unknown;
  [field: string]: unknown;
}

/** Ids beyond this are refused: the largest vocabularies in use have 2^18 tokens, and tables grow with the id. */
export const MAX_VOCABULARY = 2 ** 22;
/** Longer added tokens are attacks: searching a text for them takes this many steps a character. */
const MAX_ADDED_CHARACTERS = 512;

/**
 * Checks parsed JSON and fills in the fields that may be absent.
 * @param source the file's name, for messages
 */
export function checkTokenizerJson(json: unknown, source: string): TokenizerJson {
  const fail = failIn(source);
  if (!isObject(json)) throw fail('the content', json, 'an object');
  for (const field of ['normalizer', 'pre_tokenizer', 'post_processor', 'decoder']) {
    const component = json[field] ?? null;
    if (component !== null && !(isObject(component) && typeof component.type === 'string')) {
      throw fail(field, component, 'null or an object with a string "type"');
    }
  }
  if (!isObject(json.model)) throw fail('model', json.model, 'an object');
  checkVocabulary(json.model, fail);
  if (json.model.merges !== undefined) checkMerges(json.model, fail);
  return {
    ...json,
    added_tokens: checkAddedTokens(json.added_tokens ?? [], fail),
    normalizer: (json.normalizer ?? null) as Component | null,
    pre_tokenizer: (json.pre_tokenizer ?? null) as Component | null,
    post_processor: (json.post_processor ?? null) as Component | null,
    decoder: (json.decoder ?? null) as Component | null,
    model: json.model as unknown as ModelJson,
  };
}

export function checkTokenizerConfig(json: unknown, source: string): TokenizerConfig {
  if (!isObject(json)) throw failIn(source)('the content', json, 'an object');
  return json;
}

type Fail = (field: string, found: unknown, expected: string) => InputError;

function failIn(source: string): Fail {
  return (field, found, expected) =>
    new InputError(`${source}: ${field}: found ${describe(found)}, expected ${expected}`);
}

const MODEL_TYPES = ['BPE', 'Unigram', 'WordPiece', 'WordLevel'];

function checkVocabulary(model: Record<string, unknown>, fail: Fail): void {
  const { type, vocab } = model;
  if (type !== undefined && !MODEL_TYPES.includes(type as string)) {
    throw fail('model.type', type, MODEL_TYPES.join(', '));
  }
  if (type === 'Unigram' || (type === undefined && Array.isArray(vocab))) {
    if (!Array.isArray(vocab) || vocab.length === 0)
      throw fail('model.vocab', vocab, 'a list of [text, score]');
    vocab.forEach((entry, id) => {
      const fits = Array.isArray(entry) && typeof entry[0] === 'string' && typeof entry[1] === 'number';
      if (!fits) throw fail(`model.vocab[${id}]`, entry, '[text, score]');
    });
    return;
  }
  if (!isObject(vocab)) throw fail('model.vocab', vocab, 'an object of text → id');
  for (const [text, id] of Object.entries(vocab)) {
    if (!isId(id)) throw fail(`model.vocab[${JSON.stringify(text)}]`, id, ID_RANGE);
  }
  if (type === 'BPE' && model.merges === undefined) throw fail('model.merges', undefined, 'a list of pairs');
}

function checkMerges(model: Record<string, unknown>, fail: Fail): void {
  const { merges } = model;
  if (!Array.isArray(merges)) throw fail('model.merges', merges, 'a list of pairs');
  merges.forEach((merge, rank) => {
    const pair: unknown = typeof merge === 'string' ? merge.split(' ') : merge;
    if (!Array.isArray(pair) || pair.length !== 2 || pair.some((part) => typeof part !== 'string')) {
      throw fail(`model.merges[${rank}]`, merge, 'a pair of texts');
    }
  });
}

function checkAddedTokens(tokens: unknown, fail: Fail): AddedToken[] {
  if (!Array.isArray(tokens)) throw fail('added_tokens', tokens, 'a list');
  tokens.forEach((token, index) => {
    const field = `added_tokens[${index}]`;
    if (!isObject(token)) throw fail(field, token, 'an object');
    if (!isId(token.id)) throw fail(`${field}.id`, token.id, ID_RANGE);
    const { content } = token;
    if (typeof content !== 'string' || content === '' || content.length > MAX_ADDED_CHARACTERS) {
      throw fail(`${field}.content`, content, `a text of 1 to ${MAX_ADDED_CHARACTERS} characters`);
    }
    for (const flag of ['special', 'normalized', 'lstrip', 'rstrip', 'single_word']) {
      if (token[flag] !== undefined && typeof token[flag] !== 'boolean')
        throw fail(`${field}.${flag}`, token[flag], 'true or false');
    }
  });
  return tokens as AddedToken[];
}

const ID_RANGE = `an integer from 0 to ${MAX_VOCABULARY - 1}`;

function isId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < MAX_VOCABULARY;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value from outside, short enough for a message. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (isObject(value))
    return `an object with the fields ${Object.keys(value).slice(0, 8).join(', ') || '(none)'}`;
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 60)}… (${text.length} characters)` : text;
}
