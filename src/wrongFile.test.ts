/** Git LFS pointers, web pages, other formats and adapters in place of the wanted files, at every reader. */
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readMemory, readText } from './accelerator/package.ts';
import { Checkpoint } from './checkpoint/checkpoint.ts';
import { SafetensorsFile } from './checkpoint/safetensors.ts';
import { golden, temporaryFolder } from './checkpoint/testing.ts';
import { writeSafetensors } from './checkpoint/writeSafetensors.ts';
import { readRows } from './evaluate/rows.ts';
import { parseJsonObject } from './json.ts';
import { readDocuments } from './text/corpus.ts';
import { TokenShards } from './text/shards.ts';
import { collect } from './text/testing.ts';
import { TextTokenizer } from './text/tokenizer.ts';
import { TokenMix } from './text/tokenMix.ts';
import { readRunFile } from './train/runFile.ts';
import { dataOf } from './train/testing.ts';
import { refuseNoWeights } from './wrongFile.ts';

const pointer =
  'version https://git-lfs.github.com/spec/v1\n' +
  'oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 2147483648\n';
const page =
  '\n<!DOCTYPE html>\n<html lang="en"><head><title>404 – Not Found</title></head><body>…</body></html>\n';

/** Reads a folder in which the named file, and no other, is the wrong one. */
interface Reader {
  readonly file: string;
  readonly prepare?: (folder: string) => Promise<unknown>;
  readonly read: (folder: string, path: string) => Promise<unknown>;
}

const modelFile = (file: string): Reader => ({
  file,
  prepare: async (folder) => {
    const names = ['config.json', ...(file.includes('index') ? [] : ['model.safetensors'])];
    for (const name of names) await copyFile(join(golden, name), join(folder, name));
  },
  read: (folder) => Checkpoint.open(folder),
});
const tokenizerFile = (file: string): Reader => ({
  file,
  prepare: async (folder) => {
    if (file === 'tokenizer.model') return;
    const { tokenizer, shards } = await dataOf(folder);
    await shards.close();
    await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer.json));
  },
  read: (folder) => TextTokenizer.load(folder),
});
const shardFile = (file: string): Reader => ({
  file: `tokens/${file}`,
  prepare: async (folder) => (await dataOf(folder)).shards.close(),
  read: (folder) => TokenShards.open(join(folder, 'tokens')),
});
const corpus = (file: string): Reader => ({ file, read: (_, path) => collect(readDocuments(path)) });
const rows = (file: string): Reader => ({ file, read: (_, path) => collect(readRows([path])) });

const readers: readonly Reader[] = [
  ...['model.safetensors', 'config.json', 'model.safetensors.index.json'].map(modelFile),
  ...['tokenizer.json', 'tokenizer_config.json', 'tokenizer.model'].map(tokenizerFile),
  ...['chat_template.jinja', 'generation_config.json'].map(tokenizerFile),
  ...['shards.json', 'tokens-00000.bin'].map(shardFile),
  { file: 'mix.json', read: (folder) => TokenMix.open(folder) },
  { file: 'training.json', read: (folder) => readRunFile(folder) },
  ...['texts.txt', 'texts.jsonl', 'texts.txt.zst', 'texts.txt.gz', 'texts.jsonl.zst'].map(corpus),
  ...['rows.txt', 'rows.jsonl', 'rows.json', 'rows.parquet', 'rows.json.gz'].map(rows),
  { file: 'program.asm', read: (_, path) => readText(path) },
  { file: 'dram.bin', read: (_, path) => readMemory(path) },
];

async function withWrongFile(
  { file, prepare, read }: Reader,
  content: string | Uint8Array,
): Promise<unknown> {
  const folder = await temporaryFolder();
  await prepare?.(folder);
  const path = join(folder, file);
  await writeFile(path, content);
  return read(folder, path);
}

describe.each(readers)('in place of $file', (reader) => {
  it('a Git LFS pointer is named, and how to fetch the file', async () => {
    const reading = withWrongFile(reader, pointer);
    await expect(reading).rejects.toThrow(
      /found a Git LFS pointer to 2147483648 bytes, expected .*; run "git lfs pull"/,
    );
    await expect(reading).rejects.toThrow(reader.file);
  });

  it('a web page is named, with its title', async () => {
    const reading = withWrongFile(reader, page);
    await expect(reading).rejects.toThrow(
      /found an HTML page titled "404 Not Found", expected .*; the download/,
    );
    await expect(reading).rejects.toThrow(reader.file);
  });
});

describe('texts', () => {
  const packed = [
    ['page.txt.gz', gzipSync(page)],
    ['page.txt.zst', zstdCompressSync(page)],
  ] as const;

  it.each(packed)('a web page inside %s is named', async (name, content) => {
    for (const reader of [corpus(name), rows(name)]) {
      await expect(withWrongFile(reader, content)).rejects.toThrow(
        /found an HTML page titled .*\.jsonl file/,
      );
    }
  });

  it('may be web pages in JSON lines, and may quote some', async () => {
    expect(await withWrongFile(corpus('pages.jsonl'), JSON.stringify({ text: page }))).toEqual([page]);
    expect(await withWrongFile(corpus('tags.txt'), `Markup:\n${page}`)).toHaveLength(1);
  });
});

describe('weights', () => {
  it.each([
    ['a GGUF file', Buffer.from('GGUF\x03\0\0\0\x10\0\0\0\0\0\0\0')],
    ['a ZIP archive, such as a PyTorch checkpoint', Buffer.from('PK\x03\x04\0\0\x08\x08\0\0\0\0')],
    ['pickled Python objects', Buffer.from([0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20])],
    ['the text "Entry not found"', Buffer.from('Entry not found')],
    [
      'an XML document saying "Access Denied"',
      '<?xml version="1.0"?><Error><Message>Access Denied</Message>',
    ],
    ['a git-annex pointer', '/annex/objects/SHA256E-s1048576--9e1b.safetensors\n'],
  ])('are not %s', async (found, content) => {
    const path = join(await temporaryFolder(), 'model.safetensors');
    await writeFile(path, content);
    await expect(SafetensorsFile.open(path)).rejects.toThrow(
      `${path}: found ${found}, expected a safetensors`,
    );
  });

  it('that begin as other formats do are read', async () => {
    const path = join(await temporaryFolder(), 'model.safetensors');
    // A header of 640 bytes begins with 80 02, as pickles do.
    const name = 'x'.repeat(640 - `{"":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`.length);
    await writeSafetensors(path, [{ name, shape: [0], dtype: 'U8', chunks: () => [] }]);
    const file = await SafetensorsFile.open(path);
    expect([...file.tensors.keys()]).toEqual([name]);
    await file.close();
    expect(() => refuseNoWeights(Uint8Array.of(0x80, 2, 0, 0), 'x', 'weights')).toThrow('pickled');
  });
});

describe('an adapter', () => {
  const config = { peft_type: 'LORA', base_model_name_or_path: 'owner/base', r: 8 };

  it('is named in place of a model folder', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'adapter_config.json'), JSON.stringify(config));
    const message = /found a LORA adapter for the base model "owner\/base", expected a whole model; merge it/;
    await expect(Checkpoint.open(folder)).rejects.toThrow(message);
    await copyFile(join(golden, 'config.json'), join(folder, 'config.json'));
    await expect(Checkpoint.open(folder)).rejects.toThrow(message);
  });

  it.each([
    'base_model.model.model.layers.0.mlp.down_proj.lora_A.weight',
    'model.layers.0.self_attn.q_proj.lora_B.default.weight',
    'model.embed_tokens.lora_embedding_A',
  ])('is named by its tensor %s in place of weights', async (name) => {
    const folder = await temporaryFolder();
    await mkdir(folder, { recursive: true });
    await copyFile(join(golden, 'config.json'), join(folder, 'config.json'));
    const chunks = () => [new Uint8Array(4)];
    await writeSafetensors(join(folder, 'model.safetensors'), [{ name, shape: [1], dtype: 'F32', chunks }]);
    await expect(Checkpoint.open(folder)).rejects.toThrow(`found tensor "${name}" of an adapter`);
  });
});

describe('JSON', () => {
  it('that is a string about a page is read', () => {
    const text = JSON.stringify({ text: '<html>', pointer });
    expect(parseJsonObject(new TextEncoder().encode(text), 'x')).toEqual({ text: '<html>', pointer });
  });
});
