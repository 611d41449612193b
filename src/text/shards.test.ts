import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TokenShards } from './shards.ts';
import { byteLevelTokenizer, listed, llamaTokenizer, mobyDick } from './testing.ts';
import { TextTokenizer } from './tokenizer.ts';
import { writeShards } from './writeShards.ts';

let parent = '';
let folder = '';
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'shards-'));
  folder = join(parent, 'tokens');
});
afterEach(() => rm(parent, { recursive: true }));

async function readAll(shards: TokenShards): Promise<number[]> {
  const all = new Int32Array(shards.tokenCount);
  await shards.read(0, all);
  return [...all];
}

describe('writeShards', () => {
  it('stores documents end to end, each with its eos token', async () => {
    const tokenizer = await byteLevelTokenizer();
    const bare = (text: string) => tokenizer.encode(text, { addSpecialTokens: false });
    const seen: number[] = [];
    const index = await writeShards(folder, listed(['one two', 'three']), tokenizer, {
      tokensPerShard: 3,
      onProgress: ({ tokens }) => seen.push(tokens),
    });
    expect(index).toMatchObject({ dtype: 'uint16', documents: 2, vocabularySize: 1000 });
    const shards = await TokenShards.open(folder, tokenizer);
    expect(await readAll(shards)).toEqual([...bare('one two'), 0, ...bare('three'), 0]);
    expect(shards.index.shards.slice(0, -1).every((shard) => shard.tokens === 3)).toBe(true);
    expect(seen.at(-1)).toBe(shards.tokenCount);
    await shards.close();
  });

  it('puts a bos token that is not the eos token before each document', async () => {
    const tokenizer = llamaTokenizer();
    await writeShards(folder, listed(['hello', 'world']), tokenizer);
    const shards = await TokenShards.open(folder);
    const tokens = (await readAll(shards)).map((id) => tokenizer.token(id));
    expect(tokens).toEqual(['<s>', '▁hello', '</s>', '<s>', '▁world', '</s>']);
    await shards.close();
  });

  it('uses 32 bits for a vocabulary above 65,536', async () => {
    const { json, config } = await byteLevelTokenizer();
    const far = { id: 70_000, content: '<|far|>', special: false };
    const tokenizer = TextTokenizer.fromJson({ ...json, added_tokens: [...json.added_tokens, far] }, config);
    expect((await writeShards(folder, listed(['a<|far|>b']), tokenizer)).dtype).toBe('uint32');
    const shards = await TokenShards.open(folder, tokenizer);
    expect(await readAll(shards)).toContain(70_000);
    await shards.close();
  });

  it('leaves nothing behind when it fails or is aborted, and overwrites nothing', async () => {
    const tokenizer = await byteLevelTokenizer();
    async function* failing() {
      yield 'text';
      throw new Error('disk gone');
    }
    await expect(writeShards(folder, failing(), tokenizer)).rejects.toThrow('disk gone');
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(writeShards(folder, mobyDick(), tokenizer, { signal })).rejects.toThrow('enough');
    expect(await readdir(parent)).toEqual([]);
    await writeShards(folder, listed(['a']), tokenizer);
    await expect(writeShards(folder, listed(['b']), tokenizer)).rejects.toThrow(
      /found 2 files, expected a new folder/,
    );
    await expect(writeShards(folder, listed(['b']), tokenizer, { tokensPerShard: 0 })).rejects.toThrow(
      /tokensPerShard/,
    );
  });

  it('needs an eos token', async () => {
    const { json } = await byteLevelTokenizer();
    const tokenizer = TextTokenizer.fromJson(json, { eos_token: null });
    await expect(writeShards(folder, listed(['a']), tokenizer)).rejects.toThrow(/no EOS token/);
  });
});

describe('TokenShards', () => {
  beforeEach(async () => {
    await writeShards(folder, mobyDick(2), await byteLevelTokenizer(), { tokensPerShard: 1000 });
  });

  it('reads any range, across files', async () => {
    const shards = await TokenShards.open(folder);
    const all = await readAll(shards);
    for (const [start, length] of [
      [0, 1],
      [990, 20],
      [995, 2500],
      [all.length - 3, 3],
      [all.length, 0],
    ] as const) {
      const part = new Int32Array(length);
      await shards.read(start, part);
      expect([...part]).toEqual(all.slice(start, start + length));
    }
    await expect(shards.read(all.length - 1, new Int32Array(2))).rejects.toThrow(/not in the \d+ tokens/);
    await expect(shards.read(-1, new Int32Array(1))).rejects.toThrow(/not in/);
    await shards.close();
  });

  it('refuses another tokenizer', async () => {
    await expect(TokenShards.open(folder, llamaTokenizer())).rejects.toThrow(
      /tokenizerHash: found that of another tokenizer/,
    );
  });

  it('refuses files that do not fit the index', async () => {
    await truncate(join(folder, 'tokens-00001.bin'), 1999);
    await expect(TokenShards.open(folder)).rejects.toThrow(
      /tokens-00001.bin: found 1999 bytes, expected 2000 bytes/,
    );
    await rm(join(folder, 'tokens-00001.bin'));
    await expect(TokenShards.open(folder)).rejects.toThrow(/tokens-00001.bin: found no file/);
  });

  it('refuses a malformed index, naming the field', async () => {
    const file = join(folder, 'shards.json');
    const index = JSON.parse(await readFile(file, 'utf8'));
    const cases: [string, RegExp][] = [
      ['{', /expected JSON, found/],
      [JSON.stringify({ ...index, version: 2 }), /shards.json: version: found 2, expected 1/],
      [JSON.stringify({ ...index, dtype: 'int8' }), /dtype: found "int8"/],
      [JSON.stringify({ ...index, shards: [{ file: '../../secret', tokens: 1 }] }), /shards.0.file: found/],
      [
        JSON.stringify({ ...index, shards: [{ file: 'tokens-0.bin', tokens: 1e300 }] }),
        /shards.0.tokens: found/,
      ],
    ];
    for (const [text, message] of cases) {
      await writeFile(file, text);
      await expect(TokenShards.open(folder)).rejects.toThrow(message);
    }
    await rm(file);
    await expect(TokenShards.open(folder)).rejects.toThrow(/shards.json: cannot be read/);
  });

  it('refuses ids outside the vocabulary', async () => {
    await writeFile(join(folder, 'tokens-00000.bin'), new Uint8Array(2000).fill(255));
    const shards = await TokenShards.open(folder);
    await expect(shards.read(5, new Int32Array(1))).rejects.toThrow(
      /token 5: found id 65535, expected one below 1000/,
    );
    await shards.close();
  });
});
