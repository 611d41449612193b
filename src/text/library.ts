/** What this project uses of `@huggingface/tokenizers`, whose own declarations do not resolve under "nodenext". */
import * as tokenizers from '@huggingface/tokenizers';
import type { Component, TokenizerConfig, TokenizerJson } from './tokenizerJson.ts';

export interface LibraryTokenizer {
  normalizer: { normalize(text: string): string } | null;
  pre_tokenizer: PreTokenizer | null;
  /** pre-tokenised words → tokens */
  model: (words: string[]) => string[];
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
  decode(
    ids: number[],
    options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean },
  ): string;
  token_to_id(token: string): number | undefined;
  id_to_token(id: number): string | undefined;
}

export interface PreTokenizer {
  pre_tokenize(text: string, options?: { section_index: number }): string[];
}

interface Library {
  Tokenizer: new (json: TokenizerJson, config: TokenizerConfig) => LibraryTokenizer;
  SequencePreTokenizer: new (settings: { pretokenizers: Component[] }) => PreTokenizer;
  ByteLevelPreTokenizer: new (settings: Component) => PreTokenizer & { pattern: RegExp };
}

export const { Tokenizer, SequencePreTokenizer, ByteLevelPreTokenizer } = tokenizers as unknown as Library;
