/** Tokenizers through GGUF's metadata give the ids of the `tokenizer.json` that they were written from. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { namedConfig } from '../../model/config.ts';
import { tokenizerOfPieces } from '../../text/sentencepiece.ts';
import { byteLevelTokenizer, toyPieces } from '../../text/testing.ts';
import { TextTokenizer } from '../../text/tokenizer.ts';
import type { TokenizerJson } from '../../text/tokenizerJson.ts';
import { temporaryFolder } from '../testing.ts';
import { modelMetadata } from './exportModel.ts';
import { tokenizerMetadata } from './exportTokenizer.ts';
import { mixedLines } from './lines.testing.ts';
import { splittingOf } from './splitting.ts';
import { ggufBytes, ggufFile, type Plain, smallLlama, zeros } from './testing.ts';
import { writeGguf } from './writeGguf.ts';

const template = '{{ messages[0].content }}';

/** The tokenizer, written to a GGUF file and read again. */
async function throughGguf(tokenizer: TextTokenizer): Promise<TextTokenizer> {
  const path = join(await temporaryFolder(), 'model.gguf');
  const vocabSize = 1010;
  const config = namedConfig('tiny', { architecture: 'llama', vocabSize });
  const metadata = { ...modelMetadata(config, 'test'), ...tokenizerMetadata(tokenizer, vocabSize) };
  const table = { name: 'token_embd.weight', type: 'F32', dimensions: [8, vocabSize] } as const;
  await writeGguf(path, metadata, [{ ...table, chunks: () => [new Uint8Array(4 * 8 * vocabSize)] }]);
  return TextTokenizer.load(path);
}

describe('byte-level BPE', () => {
  const names = ['llama-bpe', 'qwen2', 'gpt-2', 'smollm', 'falcon', 'default', 'dbrx', 'stablelm2'];
  it.each(names)('%s: ids of mixed scripts, code and emoji', async (pre) => {
    const trained = await byteLevelTokenizer();
    const { normalizer, preTokenizer, ignoreMerges } = splittingOf(pre)!;
    const json: TokenizerJson = {
      ...trained.json,
      normalizer,
      pre_tokenizer: preTokenizer,
      model: { ...trained.json.model, ignore_merges: ignoreMerges },
    };
    const own = TextTokenizer.fromJson(json, { ...trained.config, chat_template: template });
    const read = await throughGguf(own);
    for (const line of mixedLines(300)) expect(read.encode(line), line).toEqual(own.encode(line));
    const ids = own.encode('a whale, 12 <|end|>', { allowSpecial: true });
    expect(read.encode('a whale, 12 <|end|>', { allowSpecial: true })).toEqual(ids);
    expect(read.decode(ids)).toBe(own.decode(ids));
    expect([read.bosTokenId, read.eosTokenId, read.chatTemplate]).toEqual([0, 0, template]);
  });

  it('that splits in a way without a name is kept whole beside the nearest', async () => {
    const own = await byteLevelTokenizer();
    const read = await throughGguf(own);
    for (const line of mixedLines(300)) expect(read.encode(line), line).toEqual(own.encode(line));
    expect(read.json.pre_tokenizer).toEqual(own.json.pre_tokenizer);
  });
});

async function tokenizerIn(metadata: Readonly<Record<string, Plain>>): Promise<TextTokenizer> {
  return TextTokenizer.load(
    await ggufFile(ggufBytes({ ...smallLlama, ...metadata }, [zeros('token_embd.weight', [8, 4])])),
  );
}

it('SentencePiece: ids of the same pieces', async () => {
  const pieces = toyPieces.map(([text, score, type]) => ({ text, score, type }));
  const own = TextTokenizer.fromJson(tokenizerOfPieces(pieces, { prefixSpace: true, source: 'pieces' }));
  const read = await tokenizerIn({
    'tokenizer.ggml.model': 'llama',
    'tokenizer.ggml.tokens': pieces.map(({ text }) => text),
    'tokenizer.ggml.scores': { f32s: pieces.map(({ score }) => score) },
    'tokenizer.ggml.token_type': pieces.map(({ type }) => type),
    'tokenizer.ggml.bos_token_id': 1,
    'tokenizer.ggml.eos_token_id': 2,
  });
  for (const line of mixedLines(300)) expect(read.encode(line), line).toEqual([1, ...own.encode(line)]);
});

const bpe = {
  'tokenizer.ggml.model': 'gpt2',
  'tokenizer.ggml.tokens': ['<s>', '</s>', 'a', 'b', '<|eot|>', '[PAD5]'],
  'tokenizer.ggml.token_type': [3, 3, 1, 1, 3, 5],
  'tokenizer.ggml.merges': ['a b'],
};

it('end tokens, tokens around a text, unused ids', async () => {
  const roles = { 'tokenizer.ggml.bos_token_id': 0, 'tokenizer.ggml.eos_token_id': 1 };
  const read = await tokenizerIn({
    ...bpe,
    ...roles,
    'tokenizer.ggml.pre': 'llama-bpe',
    'tokenizer.ggml.eot_token_id': 4,
  });
  expect(read.encode('ab')).toEqual([0, 2, 3]);
  expect(read.vocabularySize).toBe(5);
  const without = await tokenizerIn({
    ...bpe,
    ...roles,
    'tokenizer.ggml.pre': 'llama-bpe',
    'tokenizer.ggml.add_bos_token': false,
  });
  expect(without.encode('ab')).toEqual([2, 3]);
});

it.each<[string, Record<string, Plain>, RegExp]>([
  [
    'a splitting',
    { ...bpe, 'tokenizer.ggml.pre': 'bloom' },
    /"tokenizer.ggml.pre": found "bloom", expected a splitting/,
  ],
  [
    'a kind',
    { ...bpe, 'tokenizer.ggml.model': 'bert' },
    /"tokenizer.ggml.model": found "bert", expected "gpt2"/,
  ],
  [
    'too few types',
    { ...bpe, 'tokenizer.ggml.token_type': [3] },
    /found a list of 1 \(i32\), expected one for each of 6/,
  ],
  [
    'a BOS token beyond the vocabulary',
    { ...bpe, 'tokenizer.ggml.bos_token_id': 9 },
    /found 9, expected a token, of which/,
  ],
  [
    'a piece that is too long to be cut everywhere',
    {
      'tokenizer.ggml.model': 'llama',
      'tokenizer.ggml.tokens': ['<unk>', 'a'.repeat(600)],
      'tokenizer.ggml.token_type': [2, 1],
      'tokenizer.ggml.scores': [0, 0],
    },
    /"tokenizer.ggml.tokens"\[1\]: found 600 characters, expected 0 to 512/,
  ],
  ['scores that lack', { ...bpe, 'tokenizer.ggml.model': 'llama' }, /"tokenizer.ggml.scores": found nothing/],
])('refuses %s that nothing here knows', async (_, metadata, message) => {
  await expect(tokenizerIn(metadata)).rejects.toThrow(message);
});
