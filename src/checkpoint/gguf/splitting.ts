/**
 * How byte-level BPE tokenizers split text into words before merging, by the names that GGUF gives the ways
 * (`tokenizer.ggml.pre`). Each becomes the normalizer and pre-tokenizer of a `tokenizer.json`.
 */
import type { Component, TokenizerJson } from '../../text/tokenizerJson.ts';

export interface Splitting {
  readonly normalizer: Component | null;
  readonly preTokenizer: Component;
  /** Whether a word that is a token is not split, whatever the merges say. */
  readonly ignoreMerges: boolean;
  /** Whether a text begins with the BOS token, where the file does not say. */
  readonly addsBos: boolean;
}

const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const rest = '[^\\r\\n\\p{L}\\p{N}]?\\p{L}+';
const signs = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
const gpt2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

const llama3 = [`${contractions}|${rest}|\\p{N}{1,3}|${signs}`];
const qwen2 = [`${contractions}|${rest}|\\p{N}|${signs}`];

/** Splits by patterns, one after the other, then spells bytes. */
function byPatterns(patterns: readonly string[]): Component {
  const splits = patterns.map((pattern) => ({
    type: 'Split',
    pattern: { Regex: pattern },
    behavior: 'Isolated',
    invert: false,
  }));
  const bytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false };
  return { type: 'Sequence', pretokenizers: [...splits, bytes] };
}

const plain = { normalizer: null, ignoreMerges: false, addsBos: false };
const like = (names: readonly string[], splitting: Splitting) =>
  names.map((name) => [name, splitting] as const);

const byName: ReadonlyMap<string, Splitting> = new Map([
  ...like(['llama-bpe', 'llama3', 'llama-v3', 'falcon3', 'falcon-h1'], {
    ...plain,
    preTokenizer: byPatterns(llama3),
    ignoreMerges: true,
    addsBos: true,
  }),
  ...like(['dbrx', 'smaug-bpe'], { ...plain, preTokenizer: byPatterns(llama3) }),
  ...like(['qwen2', 'deepseek-r1-qwen'], {
    ...plain,
    normalizer: { type: 'NFC' },
    preTokenizer: byPatterns(qwen2),
  }),
  ...like(['stablelm2'], { ...plain, preTokenizer: byPatterns(qwen2) }),
  ...like(['gpt-2', 'gpt2', 'olmo', 'mpt', 'phi-2'], { ...plain, preTokenizer: byPatterns([gpt2]) }),
  ...like(['smollm', 'starcoder', 'refact', 'command-r'], {
    ...plain,
    preTokenizer: byPatterns(['\\p{N}', gpt2]),
  }),
  ...like(['falcon'], {
    ...plain,
    preTokenizer: byPatterns(['[\\p{P}\\$\\+<=>\\^~\\|`]+', gpt2, '[0-9][0-9][0-9]']),
  }),
  ...like(['default'], {
    ...plain,
    preTokenizer: byPatterns(['[\\p{P}\\$\\+<=>\\^~\\|]+', gpt2, '\\p{N}+', '[0-9][0-9][0-9]']),
  }),
]);

export const splittingNames = [...byName.keys()].join(', ');

export function splittingOf(name: string): Splitting | undefined {
  return byName.get(name);
}

/** The splitting of a `tokenizer.json`, if it has a name. */
export function splittingLike(json: TokenizerJson): { readonly name: string } | undefined {
  const wanted = JSON.stringify([
    patternsOf(json.pre_tokenizer),
    json.normalizer?.type,
    json.model.ignore_merges === true,
  ]);
  for (const [name, { preTokenizer, normalizer, ignoreMerges }] of byName) {
    if (JSON.stringify([patternsOf(preTokenizer), normalizer?.type, ignoreMerges]) === wanted)
      return { name };
  }
  return undefined;
}

/** What a pre-tokenizer does, as far as it differs from one to the next. */
function patternsOf(component: Component | null): unknown {
  const steps = component?.type === 'Sequence' ? (component.pretokenizers as Component[]) : [component];
  return steps.map((step) => {
    if (step?.type === 'Split') return [step.pattern, step.behavior, step.invert];
    return step?.type === 'ByteLevel' ? ['bytes', step.add_prefix_space, step.use_regex] : step;
  });
}
