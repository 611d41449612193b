import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { architectureOf } from '../model/architecture.ts';
import { type ModelConfig, namedConfig } from '../model/config.ts';
import { weightsStoredAs } from '../model/weights.ts';
import { catalogue, findInCatalogue } from './catalogue.ts';
import { checkFreeSpace } from './freeSpace.ts';
import { hubName } from './hub.ts';
import { listCached, removeCached } from './hubCache.ts';
import { parseConfig } from './huggingFaceConfig.ts';
import { temporaryFolder } from './testing.ts';

it('names are unique, and are neither Hub names nor file names', () => {
  const names = catalogue.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const { name, repository } of catalogue) {
    expect(name).toMatch(/^[a-z0-9.-]+$/);
    expect(hubName.test(name)).toBe(false);
    expect(hubName.test(repository)).toBe(true);
    expect(findInCatalogue(name.toUpperCase())?.repository).toBe(repository);
  }
});

it('the file of an entry is the packed one', () => {
  const choose = (name: string, files: string[]) =>
    files.filter((file) => findInCatalogue(name)!.file!.test(file));
  const ternary = ['Ternary-Bonsai-4B-F16.gguf', 'Ternary-Bonsai-4B-Q2_0.gguf'];
  expect(choose('ternary-bonsai-4b', ternary)).toEqual(['Ternary-Bonsai-4B-Q2_0.gguf']);
  expect(choose('bonsai-8b', ['Bonsai-8B.gguf'])).toEqual(['Bonsai-8B.gguf']);
  expect(choose('bonsai-8b', ['Bonsai-8B-F16.gguf', 'Bonsai-8B-Q1_0.gguf'])).toEqual(['Bonsai-8B-Q1_0.gguf']);
});

/** As the models' config.json have them. */
const bitnet2B4T = {
  ...{ model_type: 'bitnet', vocab_size: 128_256, hidden_size: 2560, intermediate_size: 6912 },
  ...{ num_hidden_layers: 30, num_attention_heads: 20, num_key_value_heads: 5, hidden_act: 'relu2' },
  ...{ max_position_embeddings: 4096, rms_norm_eps: 1e-5, rope_theta: 500_000 },
  ...{ tie_word_embeddings: true, bos_token_id: 128_000, eos_token_id: 128_001 },
  quantization_config: { quant_method: 'bitnet' },
};
const falcon3B = {
  ...{ model_type: 'llama', vocab_size: 32_768, hidden_size: 2048, intermediate_size: 13_312 },
  ...{ num_hidden_layers: 32, num_attention_heads: 16, num_key_value_heads: 2, head_dim: 128 },
  ...{ hidden_act: 'silu', max_position_embeddings: 32_768, rms_norm_eps: 1e-5, rope_theta: 1_000_042 },
  ...{ tie_word_embeddings: false, bos_token_id: 1, eos_token_id: 11 },
  quantization_config: { quant_method: 'bitnet' },
};

it('memory is what the sizes of the model make of it', () => {
  const bytesOf = (config: ModelConfig) =>
    weightsStoredAs(architectureOf(config).parameters(), 'bf16')
      .all()
      .reduce((sum, { bytes }) => sum + bytes, 0);
  const models = [
    ...(['370M', '1.3B', '2.7B'] as const).map((size) => [`mmfree-${size}`, namedConfig(size)] as const),
    ['bitnet-2b4t', parseConfig(bitnet2B4T, 'config.json').config] as const,
    ['falcon-e-3b', parseConfig(falcon3B, 'config.json').config] as const,
  ];
  for (const [name, config] of models) {
    const { memory } = findInCatalogue(name)!;
    expect(Math.abs(memory / bytesOf(config) - 1), `${name}: ${bytesOf(config)} bytes`).toBeLessThan(0.02);
  }
});

const commit = '0123456789abcdef0123456789abcdef01234567';

it('lists what a cache holds, and removes it by name', async () => {
  const cache = await temporaryFolder();
  const add = async (folder: string, file: string, bytes: number) => {
    await mkdir(join(cache, folder), { recursive: true });
    await writeFile(join(cache, folder, file), new Uint8Array(bytes));
  };
  await add(`one--model/${commit}`, 'model.safetensors', 10);
  await add(`one--files/${commit}--a-Q2_0`, 'a-Q2_0.gguf', 20);
  await add(`one--files/${commit}--b.partial`, 'b.gguf.partial', 30);
  await add('one--model/refs', 'main', 1);
  await add('datasets/x', 'y', 1);
  const listed = await listCached(cache);
  expect(listed.map(({ name, bytes, complete }) => [name, bytes, complete])).toEqual([
    ['one/files:a-Q2_0.gguf', 20, true],
    ['one/files:b.gguf', 30, false],
    ['one/model', 10, true],
  ]);
  expect((await removeCached('one/files:b.gguf', cache)).map(({ name }) => name)).toEqual([
    'one/files:b.gguf',
  ]);
  expect((await removeCached('one/files', cache)).length).toBe(1);
  expect(await removeCached('one/files', cache)).toEqual([]);
  expect((await listCached(cache)).map(({ name }) => name)).toEqual(['one/model']);
  expect(await listCached(join(cache, 'none'))).toEqual([]);
});

it('a download that does not fit on the disk is refused before its first byte', async () => {
  const folder = await temporaryFolder();
  const files = [
    { path: 'a', url: '', size: 600e6 },
    { path: 'b', url: '', size: 400e6 },
  ];
  const check = (free: number | undefined) => checkFreeSpace(files, folder, async () => free);
  await expect(check(1.05e9)).rejects.toThrow(/has 1.1 GB free, expected at least 1.1 GB; free some space/);
  await check(1.2e9);
  await check(undefined);
  await writeFile(join(folder, 'b.partial'), new Uint8Array(100e6));
  await check(1.05e9);
});
