/** Settings in the files beside a `tokenizer.model`: added tokens, tokens around a text, placement of spaces. */
import { InputError } from '../errors.ts';
import { surroundedBy } from './sentencepiece.ts';
import {
  type AddedToken,
  describe,
  isObject,
  type TokenizerConfig,
  type TokenizerJson,
} from './tokenizerJson.ts';

/**
 * Applies `tokenizer_config.json` and `added_tokens.json` to a converted model, as transformers does for Llama.
 * @param added the content of `added_tokens.json`: text → id
 */
export function applySettings(json: TokenizerJson, config: TokenizerConfig, added: unknown): TokenizerJson {
  const flag = (name: string, absent: boolean) => {
    const value = config[name] ?? absent;
    if (typeof value === 'boolean') return value;
    throw new InputError(`tokenizer_config.json: ${name}: found ${describe(value)}, expected true or false`);
  };
  const tokens = withAdded(json.added_tokens, [
    ...fromMap(added),
    ...fromDecoder(config.added_tokens_decoder),
  ]);
  const tokenOf = (role: string) => {
    const entry = config[role];
    const content = isObject(entry) ? entry.content : entry;
    return tokens.find((token) => token.content === content);
  };
  const bos = flag('add_bos_token', true) ? tokenOf('bos_token') : undefined;
  const eos = flag('add_eos_token', false) ? tokenOf('eos_token') : undefined;
  const changed = { ...json, added_tokens: tokens, post_processor: surroundedBy(bos, eos) };
  const prefix = flag('add_prefix_space', json.normalizer !== null && hasPrepend(json));
  return flag('legacy', true) && prefix === hasPrepend(json) ? changed : withMetaspace(changed, prefix);
}

function hasPrepend({ normalizer }: TokenizerJson): boolean {
  return (normalizer!.normalizers as { type: string }[]).some(({ type }) => type === 'Prepend');
}

/** Newer tokenizers put a space only before the beginning of a text, not after each control token. */
function withMetaspace(json: TokenizerJson, prefix: boolean): TokenizerJson {
  const decoders = (json.decoder!.decoders as { type: string }[]).filter(({ type }) => type !== 'Strip');
  const strip = prefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : [];
  return {
    ...json,
    normalizer: null,
    pre_tokenizer: {
      type: 'Metaspace',
      replacement: '▁',
      prepend_scheme: prefix ? 'first' : 'never',
      split: false,
    },
    decoder: { type: 'Sequence', decoders: [...decoders, ...strip] },
  };
}

function withAdded(tokens: readonly AddedToken[], more: readonly AddedToken[]): AddedToken[] {
  const byText = new Map(tokens.map((token) => [token.content, token]));
  for (const token of more) byText.set(token.content, { ...byText.get(token.content), ...token });
  return [...byText.values()];
}

function fromMap(added: unknown): AddedToken[] {
  if (added === undefined) return [];
  return Object.entries(added as object).map(([content, id]) => ({
    id,
    content,
    special: false,
    normalized: false,
  }));
}

/** `{ "32000": { "content": "<|im_end|>", "special": true, … } }` */
function fromDecoder(decoder: unknown): AddedToken[] {
  if (decoder === undefined || decoder === null) return [];
  if (!isObject(decoder))
    throw new InputError(
      `tokenizer_config.json: added_tokens_decoder: found ${describe(decoder)}, expected an object`,
    );
  return Object.entries(decoder).map(([id, token]) => {
    if (isObject(token)) return { ...token, id: Number(id) } as unknown as AddedToken;
    throw new InputError(
      `tokenizer_config.json: added_tokens_decoder[${describe(id)}]: found ${describe(token)}, expected an object`,
    );
  });
}
