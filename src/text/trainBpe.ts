/** Trains a byte-level BPE tokenizer on a corpus: any text can be encoded, and decodes to itself. */
import { InputError } from '../errors.ts';
import { countWords } from './countWords.ts';
import { type LearnedMerges, learnMerges } from './learnMerges.ts';
import { preTokenizerOf } from './pipeline/preTokenizers.ts';
import { surroundedBy } from './sentencepiece.ts';
import type { TokenizerConfig, TokenizerJson } from './tokenizerJson.ts';

/**
 * Merges stay inside the matches of this pattern (after GPT-4's): a contraction's end; letters with the space or
 * sign before them; at most two digits, so that small vocabularies are not filled with numbers; signs; line
 * breaks; other white space, whose last character belongs to the next word.
 */
const WORD_PATTERN =
  "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,2}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" +
  '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';

/** Ends each document of the corpus and begins each text. Its id is 0. */
const END_OF_TEXT = '<|endoftext|>';

export type TrainProgress =
  | { phase: 'count'; characters: number }
  | { phase: 'merge'; vocabulary: number; vocabularySize: number };

export interface TrainBpeOptions {
  /** Tokens in all, the 256 bytes and the special tokens included. A small corpus may give fewer. */
  vocabularySize: number;
  /** Special tokens beside `<|endoftext|>`, for instance for chat; they get the ids from 1 on. */
  specialTokens?: readonly string[];
  /** A Jinja template for chat, stored in the config. */
  chatTemplate?: string;
  /** Pairs that occur less often are not merged, default 2. */
  minFrequency?: number;
  /** Most different words to hold while counting; see `countWords`. */
  maxWords?: number;
  onProgress?: (progress: TrainProgress) => void;
  signal?: AbortSignal;
}

/**
 * The same documents give the same tokenizer: of pairs equally frequent, that of the smaller symbols merges first.
 * @returns the content of `tokenizer.json` and `tokenizer_config.json`, for `TextTokenizer.fromJson` and
 *   `saveTokenizer`
 * @throws {InputError} if an option is out of range or the documents hold no text
 * @throws the signal's reason, once aborted
 */
export async function trainBpe(
  documents: AsyncIterable<string>,
  options: TrainBpeOptions,
): Promise<{ json: TokenizerJson; config: TokenizerConfig }> {
  const { vocabularySize, onProgress, signal } = options;
  const specials = checkSpecials(options);
  const splitter = preTokenizerOf(SPLIT_WORDS, 'WORD_PATTERN');
  const place = { first: false, continues: false };
  const words = await countWords(documents, {
    split: (document) => splitAround(document, specials).flatMap((text) => [...splitter.words(text, place)]),
    ...(options.maxWords === undefined ? {} : { maxWords: options.maxWords }),
    ...(signal === undefined ? {} : { signal }),
    onDocument: (characters) => onProgress?.({ phase: 'count', characters }),
  });
  if (words.size === 0)
    throw new InputError('training a tokenizer: found documents without text, expected some text');
  const learned = await learnMerges(words, {
    symbols: vocabularySize - specials.length,
    minFrequency: options.minFrequency ?? 2,
    ...(signal === undefined ? {} : { signal }),
    onProgress: (symbols) =>
      onProgress?.({ phase: 'merge', vocabulary: specials.length + symbols, vocabularySize }),
  });
  return { json: toTokenizerJson(learned, specials), config: toConfig(specials, options.chatTemplate) };
}

const SPLIT_WORDS = { type: 'Split', pattern: { Regex: WORD_PATTERN }, behavior: 'Isolated', invert: false };

function checkSpecials({
  vocabularySize,
  specialTokens = [],
  minFrequency = 2,
  maxWords,
}: TrainBpeOptions): string[] {
  const specials = [END_OF_TEXT, ...specialTokens.filter((token) => token !== END_OF_TEXT)];
  if (specials.includes('') || new Set(specials).size < specials.length) {
    throw new InputError(
      `specialTokens: found ${JSON.stringify(specialTokens)}, expected different texts, none empty`,
    );
  }
  const minSize = 256 + specials.length;
  if (!Number.isInteger(vocabularySize) || vocabularySize < minSize || vocabularySize > 2 ** 20) {
    throw new InputError(
      `vocabularySize: found ${vocabularySize}, expected an integer from ${minSize} ` +
        `(256 bytes and ${specials.length} special tokens) to 2^20`,
    );
  }
  if (!Number.isInteger(minFrequency) || minFrequency < 1) {
    throw new InputError(`minFrequency: found ${minFrequency}, expected an integer of 1 or more`);
  }
  if (maxWords !== undefined && (!Number.isInteger(maxWords) || maxWords < 2)) {
    throw new InputError(`maxWords: found ${maxWords}, expected an integer of 2 or more`);
  }
  return specials;
}

/** The texts between special tokens, which are not words to learn. */
function splitAround(document: string, specials: readonly string[]): string[] {
  return specials.reduce((texts, special) => texts.flatMap((text) => text.split(special)), [document]);
}

function toTokenizerJson({ symbols, merges }: LearnedMerges, specials: readonly string[]): TokenizerJson {
  const vocab = Object.fromEntries([...specials, ...symbols].map((token, id) => [token, id]));
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specials.map((content, id) => ({ id, content, ...flags })),
    normalizer: null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        SPLIT_WORDS,
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    },
    post_processor: surroundedBy({ content: END_OF_TEXT, id: 0 }),
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab,
      merges: merges.map(([left, right]): [string, string] => [symbols[left]!, symbols[right]!]),
    },
  };
}

function toConfig(specials: readonly string[], chatTemplate: string | undefined): TokenizerConfig {
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: END_OF_TEXT,
    eos_token: END_OF_TEXT,
    clean_up_tokenization_spaces: false,
    ...(specials.length > 1 ? { additional_special_tokens: specials.slice(1) } : {}),
    ...(chatTemplate === undefined ? {} : { chat_template: chatTemplate }),
  };
}
