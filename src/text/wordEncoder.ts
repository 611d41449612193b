/**
 * Fast encoding of long texts with BPE: the text is cut where no merge can reach across, and the ids of each
 * word are computed once and then remembered. Running text repeats its words, so nearly all of
 * the work is cutting. The result equals the library's on the whole text.
 */

import { BoundedCache } from './boundedCache.ts';
import { characterOfByte } from './byteAlphabet.ts';
import { ByteLevelPreTokenizer, type LibraryTokenizer, SequencePreTokenizer } from './library.ts';
import { MergeTable } from './mergeTable.ts';
import type { Component, TokenizerConfig, TokenizerJson } from './tokenizerJson.ts';

/** Longer words are rare; cached, they would make the cache's size depend on the text. */
const LONGEST_CACHED_WORD = 64;
const CACHED_WORDS = 2 ** 17;

export class WordEncoder {
  readonly #library: LibraryTokenizer;
  readonly #plan: Plan;
  readonly #normalizedMarks: readonly string[];
  readonly #merges: MergeTable | undefined;
  readonly #cache = new BoundedCache<readonly number[]>(CACHED_WORDS);

  private constructor(json: TokenizerJson, library: LibraryTokenizer, plan: Plan) {
    this.#library = library;
    this.#plan = plan;
    this.#normalizedMarks = normalizedMarks(json, library);
    this.#merges = json.model.ignore_merges === true ? undefined : new MergeTable(json.model);
  }

  /** The encoder for this tokenizer, or undefined if its pipeline has no cuts known to be safe. */
  static for(
    json: TokenizerJson,
    config: TokenizerConfig,
    library: LibraryTokenizer,
  ): WordEncoder | undefined {
    const { model } = json;
    const perWord =
      model.end_of_word_suffix || model.continuing_subword_prefix || model.continuing_subword_suffix;
    const rewrites = config.remove_space === true || config.do_lowercase_and_remove_accent === true;
    if (model.type !== 'BPE' || perWord || rewrites) return undefined;
    const plan = byteLevelPlan(json) ?? spacePlan(json, library);
    if (plan === undefined || (model.fuse_unk === true && !plan.coversAllBytes)) return undefined;
    return new WordEncoder(json, library, plan);
  }

  /**
   * Appends the ids of `text`, which holds no added token, to `ids`.
   * @param section how many added tokens and texts came before it
   * @returns false, with nothing appended, if normalising made an added token appear
   */
  encode(text: string, section: number, ids: number[]): boolean {
    const normalized = this.#library.normalizer?.normalize(text) ?? text;
    if (this.#normalizedMarks.some((mark) => normalized.includes(mark))) return false;
    for (const word of this.#plan.cut(normalized, section)) {
      for (const id of this.#encodeWord(word)) ids.push(id);
    }
    return true;
  }

  #encodeWord(word: string): readonly number[] {
    if (word.length > LONGEST_CACHED_WORD) return this.#compute(word);
    let ids = this.#cache.get(word);
    if (ids === undefined) {
      ids = this.#compute(word);
      this.#cache.set(word, ids);
    }
    return ids;
  }

  #compute(word: string): number[] {
    const spelled = this.#plan.spell(word);
    const ids = word.length > LONGEST_CACHED_WORD ? undefined : this.#merges?.encode(spelled);
    if (ids !== undefined) return ids;
    const tokens = this.#library.model([spelled]);
    return tokens.map((token) => this.#library.token_to_id(token)!);
  }
}

interface Plan {
  /** Cuts a normalised text into words whose encodings, joined, are the encoding of the text. */
  cut(text: string, section: number): string[];
  /** The word as the model's vocabulary spells it. */
  spell(word: string): string;
  /** Whether no text can be unknown, so that runs of unknown tokens across words need no fusing. */
  coversAllBytes: boolean;
}

/** Pipelines that end in ByteLevel (GPT-2, Llama 3): the steps before it cut the text. */
function byteLevelPlan(json: TokenizerJson): Plan | undefined {
  const steps = stepsOf(json.pre_tokenizer);
  const last = steps.at(-1);
  const bare = steps.slice(0, -1).every((step) => step.type !== 'ByteLevel');
  if (last?.type !== 'ByteLevel' || last.add_prefix_space === true || !bare) return undefined;
  const splitter = new SequencePreTokenizer({ pretokenizers: steps.slice(0, -1) });
  const pattern = last.use_regex === false ? undefined : new ByteLevelPreTokenizer(last).pattern;
  const vocabulary = json.model.vocab;
  return {
    cut: (text, section) => {
      const parts = splitter.pre_tokenize(text, { section_index: section });
      return pattern === undefined ? parts : parts.flatMap((part) => part.match(pattern) ?? []);
    },
    spell: (word) => Array.from(utf8.encode(word), (byte) => characterOfByte[byte]).join(''),
    coversAllBytes: characterOfByte.every((character) => Object.hasOwn(vocabulary, character)),
  };
}

/**
 * Pipelines that write ▁ for the space and treat the text as one word (Llama 2, Mistral): no merge reaches from
 * another character to a following ▁, or across a line break, if no token of the vocabulary does.
 */
function spacePlan(json: TokenizerJson, library: LibraryTokenizer): Plan | undefined {
  const metaspace = json.pre_tokenizer?.type === 'Metaspace';
  if (json.pre_tokenizer !== null && !metaspace) return undefined;
  const vocabulary = json.model.vocab;
  const tokens = Object.keys(vocabulary);
  if (!Object.hasOwn(vocabulary, '▁') || tokens.some((token) => /[^▁]▁|.\n|\n./s.test(token)))
    return undefined;
  const bytes = Array.from(
    { length: 256 },
    (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
  );
  return {
    cut: (text, section) => {
      const [whole = ''] = library.pre_tokenizer?.pre_tokenize(text, { section_index: section }) ?? [text];
      return whole.match(/\n|▁+[^▁\n]*|[^▁\n]+/g) ?? [];
    },
    spell: (word) => word,
    coversAllBytes:
      json.model.byte_fallback === true && bytes.every((byte) => Object.hasOwn(vocabulary, byte)),
  };
}

function stepsOf(preTokenizer: Component | null): Component[] {
  if (preTokenizer === null) return [];
  return preTokenizer.type === 'Sequence' ? (preTokenizer.pretokenizers as Component[]) : [preTokenizer];
}

/** Added tokens that the library looks for in the normalised text. */
function normalizedMarks(json: TokenizerJson, library: LibraryTokenizer): string[] {
  const { normalizer } = library;
  if (normalizer === null) return [];
  return json.added_tokens
    .filter((token) => token.normalized ?? !token.special)
    .map((token) => normalizer.normalize(token.content));
}

const utf8 = new TextEncoder();
