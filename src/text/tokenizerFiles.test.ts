import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InputError } from '../errors.ts';
import { byteLevelTokenizer, sentencePieceFile, toyPieces } from './testing.ts';
import { TextTokenizer } from './tokenizer.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tokenizer-files-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function loaded(files: Record<string, unknown>): Promise<TextTokenizer> {
  for (const [name, content] of Object.entries(files)) {
    const raw = typeof content === 'string' || content instanceof Uint8Array;
    await writeFile(join(folder, name), raw ? content : JSON.stringify(content));
  }
  return TextTokenizer.load(folder);
}

async function byteLevelFiles(): Promise<Record<string, unknown>> {
  const { json, config } = await byteLevelTokenizer();
  return { 'tokenizer.json': json, 'tokenizer_config.json': config };
}

describe('end tokens', () => {
  it.each([
    [{ 'generation_config.json': { eos_token_id: 2 } }, [0, 2]],
    [{ 'generation_config.json': { eos_token_id: [2, 1] }, 'config.json': { eos_token_id: 0 } }, [0, 2, 1]],
    [{ 'config.json': { eos_token_id: [1, 2] } }, [0, 1, 2]],
    [{ 'special_tokens_map.json': { eos_token: '<|end|>' } }, [0, 2]],
    [{ 'special_tokens_map.json': { eos_token: { content: '<|end|>' } }, 'config.json': {} }, [0, 2]],
    [{ 'generation_config.json': { eos_token_id: null }, 'config.json': { eos_token_id: 99_999 } }, [0]],
  ])('are the union of all files: %j', async (files, expected) => {
    expect((await loaded({ ...(await byteLevelFiles()), ...files })).endTokenIds).toEqual(expected);
  });

  it('come from the special tokens map where the config is silent', async () => {
    const { json } = await byteLevelTokenizer();
    const tokenizer = await loaded({
      'tokenizer.json': json,
      'special_tokens_map.json': { eos_token: '<|end|>' },
    });
    expect(tokenizer.eosTokenId).toBe(2);
  });
});

describe('chat templates', () => {
  it.each([
    [{ 'chat_template.jinja': 'file' }, 'config', 'file'],
    [{ 'chat_template.jinja': 'file' }, null, 'file'],
    [{ 'chat_template.json': { chat_template: 'json' } }, 'config', 'json'],
    [{ 'chat_template.json': { chat_template: null } }, 'config', 'config'],
    [{}, null, undefined],
  ])('%j beside %j', async (files, chat_template, expected) => {
    const { json, config } = await byteLevelTokenizer();
    const own = { 'tokenizer.json': json, 'tokenizer_config.json': { ...config, chat_template } };
    expect((await loaded({ ...own, ...files })).chatTemplate).toBe(expected);
  });
});

describe('tokenizer.model', () => {
  const model = { 'tokenizer.model': sentencePieceFile() };
  const size = toyPieces.length;
  const texts = (tokenizer: TextTokenizer, text: string) =>
    tokenizer.encode(text, { allowSpecial: true }).map((id) => tokenizer.token(id));

  it('takes added_tokens.json', async () => {
    const tokenizer = await loaded({ ...model, 'added_tokens.json': { '<|im_end|>': size } });
    expect(texts(tokenizer, 'he<|im_end|>')).toEqual(['<s>', '▁he', '<|im_end|>']);
  });

  it('takes added_tokens_decoder', async () => {
    const added_tokens_decoder = { [size]: { content: '<|im_end|>', special: true, normalized: false } };
    const tokenizer = await loaded({ ...model, 'tokenizer_config.json': { added_tokens_decoder } });
    expect(texts(tokenizer, 'he<|im_end|>')).toEqual(['<s>', '▁he', '<|im_end|>']);
    expect(tokenizer.isSpecial(size)).toBe(true);
  });

  it.each([
    [{}, ['<s>', '▁he', '</s>', '▁he']],
    [{ add_bos_token: false }, ['▁he', '</s>', '▁he']],
    [{ add_eos_token: true }, ['<s>', '▁he', '</s>', '▁he', '</s>']],
    [{ legacy: false }, ['<s>', '▁he', '</s>', 'he']],
    [{ legacy: false, add_prefix_space: false }, ['<s>', 'he', '</s>', 'he']],
    [{ legacy: true }, ['<s>', '▁he', '</s>', '▁he']],
  ])('heeds %j', async (config, expected) => {
    const tokenizer = await loaded({ ...model, 'tokenizer_config.json': config });
    expect(texts(tokenizer, 'he</s>he')).toEqual(expected);
  });
});

describe('hostile tokenizers', () => {
  it('are refused in time', async () => {
    const { json } = await byteLevelTokenizer();
    const long = Array.from({ length: 5 }, (_, id) => ({ id: 1000 + id, content: `${id}`.repeat(60_000) }));
    expect(() => TextTokenizer.fromJson({ ...json, added_tokens: long })).toThrow(
      /content: found .*60002 characters/,
    );
    let nested: object = { type: 'NFC' };
    for (let depth = 0; depth < 5000; depth++) nested = { type: 'Sequence', normalizers: [nested, nested] };
    expect(() => TextTokenizer.fromJson({ ...json, normalizer: nested })).toThrow(/more than 64 steps/);
    const deep = `{"a":${'['.repeat(2_000_000)}${']'.repeat(2_000_000)}}`;
    await expect(loaded({ 'tokenizer.json': deep })).rejects.toThrow(InputError);
  });

  it.each([
    '(a+)+$',
    '(a|a)*$',
    '(a|aa)+$',
    'a*a*a*a*a*b',
    '(.*)*x',
    '(?:a?){50}a{50}b',
    '(?<=a+)b',
    '((a*)*)*b',
  ])('with the pattern %s end in an error or a result, soon', async (Regex) => {
    const { json } = await byteLevelTokenizer();
    const pre_tokenizer = {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex }, behavior: 'Isolated' },
        { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
      ],
    };
    const tokenizer = TextTokenizer.fromJson({ ...json, pre_tokenizer });
    try {
      tokenizer.encode(`${'a'.repeat(20_000)}!`);
    } catch (error) {
      expect(error).toBeInstanceOf(InputError);
      expect((error as Error).message).toMatch(/regular expression needs too much work/);
    }
  });

  it('with Replace bombs are refused', async () => {
    const { json } = await byteLevelTokenizer();
    const bomb = { type: 'Replace', pattern: { String: 'a' }, content: 'aaaaaaaaaaaaaaaa' };
    const normalizer = { type: 'Sequence', normalizers: Array(40).fill(bomb) };
    const tokenizer = TextTokenizer.fromJson({ ...json, normalizer });
    expect(() => tokenizer.encode('a'.repeat(1000))).toThrow(/normalizer.*expected at most 32 times/);
  });
});

it('a tokenizer larger than the model is refused, naming both', async () => {
  const tokenizer = await byteLevelTokenizer();
  expect(() => tokenizer.checkFits(999, 'runs/book')).toThrow(
    /tokenizer.json: found 1000 tokens, but runs\/book has a vocabulary of 999/,
  );
  tokenizer.checkFits(1000, 'runs/book');
});
