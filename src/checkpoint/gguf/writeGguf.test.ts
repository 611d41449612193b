import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../testing.ts';
import { GgufFile } from './ggufFile.ts';
import { text, writeGguf } from './writeGguf.ts';

function tensor(chunks: () => AsyncIterable<Uint8Array>) {
  return { name: 'a', type: 'F32' as const, dimensions: [8], chunks };
}

async function nameIn(path: string): Promise<unknown> {
  const file = await GgufFile.open(path);
  await file.close();
  return file.metadata.text('general.name');
}

it('leaves a whole file to each of two writers at once', async () => {
  const path = join(await temporaryFolder(), 'model.gguf');
  const later = Promise.withResolvers<void>();
  const slow = writeGguf(path, { 'general.name': text('slow') }, [
    tensor(async function* () {
      await later.promise;
      yield new Uint8Array(32);
    }),
  ]);
  await writeGguf(path, { 'general.name': text('fast') }, [
    tensor(async function* () {
      yield new Uint8Array(32);
    }),
  ]);
  expect(await nameIn(path)).toBe('fast');
  later.resolve();
  await slow;
  expect(await nameIn(path)).toBe('slow');
});

it('leaves nothing of a file that could not be completed', async () => {
  const folder = await temporaryFolder();
  const failing = tensor(async function* () {
    yield new Uint8Array(16);
    throw new Error('the source is gone');
  });
  await expect(writeGguf(join(folder, 'model.gguf'), {}, [failing])).rejects.toThrow('the source is gone');
  expect(await readdir(folder)).toEqual([]);
});
