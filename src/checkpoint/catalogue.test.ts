import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { catalogue, findInCatalogue } from './catalogue.ts';
import { checkFreeSpace } from './freeSpace.ts';
import { hubName } from './hub.ts';
import { listCached, removeCached } from './hubCache.ts';
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
