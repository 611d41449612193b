/** A tokenizer's files as metadata of a GGUF file; the inverse of tokenizer.ts. */
import { InputError } from '../../errors.ts';
import type { TextTokenizer } from '../../text/tokenizer.ts';
import type { Component, TokenizerJson } from '../../text/tokenizerJson.ts';
import { splittingLike } from './splitting.ts';
import { flag, type GgufValue, numbers, text, texts, u32 } from './writeGguf.ts';

const [NORMAL, CONTROL, USER_DEFINED, UNUSED] = [1, 3, 4, 5];

type Entries = Readonly<Record<string, GgufValue>>;

/**
 * The tokenizer as llama.cpp reads it. A splitting into words that it has no name for is named by the nearest, and the
 * `tokenizer.json` itself is stored beside it, which this project reads.
 * @param vocabulary tokens of the model, which may be more than the tokenizer has
 * @throws InputError for a tokenizer that is not a byte-level BPE
 */
export function tokenizerMetadata(tokenizer: TextTokenizer, vocabulary: number): Entries {
  const { json, config } = tokenizer;
  const { model } = json;
  if (model.type !== 'BPE' || !isByteLevel(json)) {
    throw new InputError(
      `tokenizer.json: found a ${model.type} tokenizer${model.type === 'BPE' ? ' of characters' : ''}, expected ` +
        'byte-level BPE: others are not written to GGUF',
    );
  }
  const splitting = splittingLike(json);
  const [bos, eos] = [tokenizer.bosTokenId, tokenizer.eosTokenId];
  const template = tokenizer.chatTemplate;
  return {
    'tokenizer.ggml.model': text('gpt2'),
    'tokenizer.ggml.pre': text(splitting?.name ?? nearest),
    ...tokens(json, vocabulary),
    'tokenizer.ggml.merges': texts(
      (model.merges ?? []).map((one) => (typeof one === 'string' ? one : one.join(' '))),
    ),
    ...(bos === undefined ? {} : { 'tokenizer.ggml.bos_token_id': u32(bos) }),
    ...(eos === undefined ? {} : { 'tokenizer.ggml.eos_token_id': u32(eos) }),
    ...endOfTurn(tokenizer),
    'tokenizer.ggml.add_bos_token': flag(bos !== undefined && tokenizer.encode('')[0] === bos),
    ...(template === undefined ? {} : { 'tokenizer.chat_template': text(template) }),
    ...(splitting ? {} : { 'tokenizer.huggingface.json': text(JSON.stringify(json)) }),
    ...(config.add_prefix_space === true ? { 'tokenizer.ggml.add_space_prefix': flag(true) } : {}),
  };
}

/** Words that are split as Llama 3's, which splits the tokenizers that are trained here but for longer numbers. */
const nearest = 'llama-bpe';

function isByteLevel({ decoder }: TokenizerJson): boolean {
  const steps = decoder?.type === 'Sequence' ? (decoder.decoders as Component[]) : [decoder];
  return steps.some((step) => step?.type === 'ByteLevel');
}

function tokens(json: TokenizerJson, vocabulary: number): Entries {
  const names = Array.from({ length: vocabulary }, (_, id) => `[PAD${id}]`);
  const kinds = new Int32Array(vocabulary).fill(UNUSED!);
  for (const [name, id] of Object.entries(json.model.vocab as Record<string, number>)) {
    names[id] = name;
    kinds[id] = NORMAL!;
  }
  for (const { id, content, special } of json.added_tokens) {
    names[id] = content;
    kinds[id] = special ? CONTROL! : USER_DEFINED!;
  }
  return { 'tokenizer.ggml.tokens': texts(names), 'tokenizer.ggml.token_type': numbers(kinds) };
}

/** A token that ends a turn, beside the one that ends a text. */
function endOfTurn({ endTokenIds, eosTokenId }: TextTokenizer): Entries {
  const other = endTokenIds.find((id) => id !== eosTokenId);
  return other === undefined ? {} : { 'tokenizer.ggml.eot_token_id': u32(other) };
}
