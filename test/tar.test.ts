/** The app's one-file form of a model against the program that unpacks it elsewhere. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { filesInTar, tarOf } from '../web/src/tar.ts';

const run = promisify(execFile);
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plusminus-tar-'));
});
afterAll(() => rm(folder, { recursive: true }));

const files = [
  { name: 'config.json', bytes: new TextEncoder().encode('{"a": 1}\n') },
  { name: 'model.safetensors', bytes: Uint8Array.from({ length: 1536 }, (_, k) => k % 251) },
  { name: 'empty.json', bytes: new Uint8Array(0) },
];
const archive = tarOf(files);

it('is unpacked by tar, byte for byte', async () => {
  await writeFile(join(folder, 'model.tar'), new Uint8Array(await archive.arrayBuffer()));
  await run('tar', ['-xf', 'model.tar'], { cwd: folder });
  for (const { name, bytes } of files) {
    expect(new Uint8Array(await readFile(join(folder, name)))).toEqual(bytes);
  }
});

it('reads what tar packs, also from a folder', async () => {
  await run('mkdir', ['-p', 'mine'], { cwd: folder });
  for (const { name, bytes } of files) await writeFile(join(folder, 'mine', name), bytes);
  await run('tar', ['-cf', 'packed.tar', '--format', 'ustar', 'mine'], { cwd: folder });
  const found = await filesInTar(new Blob([await readFile(join(folder, 'packed.tar'))]));
  expect(found.map(({ name }) => name).sort()).toEqual(files.map(({ name }) => name).sort());
  for (const { name, bytes } of files) {
    const file = found.find((one) => one.name === name)!;
    expect(new Uint8Array(await file.arrayBuffer())).toEqual(bytes);
  }
});

it('says what is wrong with a file that is cut or is no archive', async () => {
  await expect(filesInTar(archive.slice(0, 1024))).rejects.toThrow('The file ends early');
  await expect(filesInTar(archive.slice(0, 1600))).rejects.toThrow('Found no file at byte 1024');
  await expect(filesInTar(new Blob(['x'.repeat(2000)]))).rejects.toThrow('expected a tar archive');
  expect(() => tarOf([{ name: 'n'.repeat(101), bytes: new Uint8Array(1) }])).toThrow('at most 100 bytes');
});
