import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.ts';
import { namedConfig } from '../model/config.ts';
import { Checkpoint } from './checkpoint.ts';
import { readConfig } from './config.ts';
import { saveCheckpoint } from './save.ts';
import { entry, golden, sameBytes, temporaryFolder } from './testing.ts';
import { writeConfig } from './writeConfig.ts';
import { writeSafetensors } from './writeSafetensors.ts';

const config = namedConfig('tiny', { vocabSize: 8 });
const a = entry('a', 'F32', [2], Float32Array.of(1.5, -2));
const b = entry('b', 'F32', [2, 2], Float32Array.of(1, 2, 3, 4));
const c = entry('c', 'U8', [3], Uint8Array.of(1, 2, 3));

async function readFloats(checkpoint: Checkpoint, name: string): Promise<number[]> {
  const bytes = new Uint8Array(checkpoint.tensor(name).byteLength);
  await checkpoint.readInto(name, bytes);
  return [...new Float32Array(bytes.buffer)];
}

async function folderWithIndex(weightMap: unknown): Promise<string> {
  const folder = await temporaryFolder();
  await writeConfig(folder, config);
  await writeSafetensors(join(folder, 'one.safetensors'), [a]);
  await writeSafetensors(join(folder, 'two.safetensors'), [b]);
  await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: weightMap }));
  return folder;
}

describe('opening', () => {
  it('reads one file, also through symbolic links', async () => {
    const folder = join(await temporaryFolder(), 'link');
    await symlink(golden, folder);
    await using checkpoint = await Checkpoint.open(folder);
    expect(checkpoint.config.hiddenSize).toBe(64);
    expect(checkpoint.tensor('lm_head.weight').shape).toEqual([96, 64]);
  });

  it('reads shards', async () => {
    await using checkpoint = await Checkpoint.open(
      await folderWithIndex({ a: 'one.safetensors', b: 'two.safetensors' }),
    );
    expect(await readFloats(checkpoint, 'a')).toEqual([1.5, -2]);
    expect(await readFloats(checkpoint, 'b')).toEqual([1, 2, 3, 4]);
    await expect(checkpoint.readInto('d', new Uint8Array(1))).rejects.toThrow(/"d" not found among 2/);
  });

  it.each([
    '../one.safetensors',
    '/etc/passwd',
    'x/one.safetensors',
    '..',
    'one.safetensors/..',
    '.safetensors',
    7,
    null,
  ])('refuses the shard name %j', async (file) => {
    const folder = await folderWithIndex({ a: file });
    await expect(Checkpoint.open(folder)).rejects.toThrow(/weight_map "a": found .*, expected the name of a/);
  });

  it('refuses an index that does not fit its shards', async () => {
    const both = { a: 'one.safetensors', b: 'one.safetensors' };
    await expect(Checkpoint.open(await folderWithIndex(both))).rejects.toThrow(/tensor "b" is not in one/);
    await expect(Checkpoint.open(await folderWithIndex({ a: 'no.safetensors' }))).rejects.toThrow(
      /no such file/,
    );
    await expect(Checkpoint.open(await folderWithIndex([]))).rejects.toThrow(/weight_map: found \[\]/);
    const folder = await folderWithIndex({ a: 'one.safetensors', b: 'two.safetensors' });
    await writeSafetensors(join(folder, 'two.safetensors'), [a, b]);
    await expect(Checkpoint.open(folder)).rejects.toThrow(/tensor "a" is also in .*one.safetensors/);
  });

  it('says what a folder without weights needs', async () => {
    const folder = await temporaryFolder();
    await writeConfig(folder, config);
    await expect(Checkpoint.open(folder)).rejects.toThrow(
      /neither model.safetensors nor .* needs config.json/,
    );
  });
});

describe('saving', () => {
  it('keeps f32 bit for bit', async () => {
    await using source = await Checkpoint.open(golden);
    const target = join(await temporaryFolder(), 'new', 'model');
    const tensors = await Promise.all(
      [...source.tensors].map(async ([name, { dtype, shape, byteLength }]) => {
        const bytes = new Uint8Array(byteLength);
        await source.readInto(name, bytes);
        return entry(name, dtype, shape, bytes);
      }),
    );
    await saveCheckpoint(target, source.config, tensors);
    expect(await sameBytes(join(golden, 'model.safetensors'), join(target, 'model.safetensors'))).toBe(true);
    expect(await readConfig(target)).toEqual(source.config);
  });

  it('splits into shards as Hugging Face names them', async () => {
    const folder = join(await temporaryFolder(), 'model');
    await saveCheckpoint(folder, config, [a, b, c], { shardBytes: 19 });
    const index = JSON.parse(await readFile(join(folder, 'model.safetensors.index.json'), 'utf8'));
    expect(index).toEqual({
      metadata: { total_size: 27 },
      weight_map: {
        a: 'model-00001-of-00002.safetensors',
        b: 'model-00002-of-00002.safetensors',
        c: 'model-00002-of-00002.safetensors',
      },
    });
    await using checkpoint = await Checkpoint.open(folder);
    expect(await readFloats(checkpoint, 'b')).toEqual([1, 2, 3, 4]);
    await saveCheckpoint(folder, config, [a]);
    expect(await readdir(folder)).toEqual(['config.json', 'model.safetensors']);
  });

  it('narrows floats and leaves other types', async () => {
    const folder = join(await temporaryFolder(), 'model');
    await saveCheckpoint(folder, config, [a, b, c], { dtype: 'f16' });
    const checkpoint = await Checkpoint.open(folder);
    expect([...checkpoint.tensors].map(([name, { dtype }]) => [name, dtype])).toEqual([
      ['a', 'F16'],
      ['b', 'F16'],
      ['c', 'U8'],
    ]);
    await checkpoint.close();
    const large = entry('a', 'F32', [2], Float32Array.of(1, 7e4));
    await expect(saveCheckpoint(folder, config, [large], { dtype: 'f16' })).rejects.toThrow(
      /70000 exceeds f16/,
    );
    await saveCheckpoint(folder, config, [large], { dtype: 'bf16' });
  });

  it('keeps the old checkpoint when it fails, and leaves nothing else', async () => {
    const parent = await temporaryFolder();
    const folder = join(parent, 'model');
    await saveCheckpoint(folder, config, [a]);
    const failing = { ...b, chunks: () => [new Uint8Array(1)] };
    await expect(saveCheckpoint(folder, config, [a, failing])).rejects.toThrow(/only 1 bytes/);
    const alsoWrite = () => Promise.reject(new Error('optimizer state failed'));
    await expect(saveCheckpoint(folder, config, [b], { alsoWrite })).rejects.toThrow(
      'optimizer state failed',
    );
    expect(await readdir(parent)).toEqual(['model']);
    await using checkpoint = await Checkpoint.open(folder);
    expect(await readFloats(checkpoint, 'a')).toEqual([1.5, -2]);
  });

  it('keeps other files of a model folder, and writes further ones with it', async () => {
    const folder = join(await temporaryFolder(), 'model');
    await saveCheckpoint(folder, config, [a], { keptFields: { author: 'me' } });
    await mkdir(join(folder, 'notes'));
    await writeFile(join(folder, 'notes', 'x.txt'), 'note');
    await writeFile(join(folder, 'state'), 'old');
    const alsoWrite = (temporary: string) => writeFile(join(temporary, 'state'), 'new');
    await saveCheckpoint(folder, config, [b], { alsoWrite });
    expect(await readFile(join(folder, 'notes', 'x.txt'), 'utf8')).toBe('note');
    expect(await readFile(join(folder, 'state'), 'utf8')).toBe('new');
  });

  it('refuses to replace a folder that is not a model', async () => {
    const parent = await temporaryFolder();
    await writeFile(join(parent, 'thesis.txt'), 'years of work');
    const saving = saveCheckpoint(parent, config, [a]);
    await expect(saving).rejects.toThrow(/holds files but no model/);
    await expect(saving).rejects.toBeInstanceOf(InputError);
    await expect(saveCheckpoint(join(parent, 'thesis.txt'), config, [a])).rejects.toThrow(
      /expected a folder/,
    );
  });

  it('never shows a reader half a checkpoint', async () => {
    const folder = join(await temporaryFolder(), 'model');
    await saveCheckpoint(folder, config, [a]);
    let done = false;
    const writer = (async () => {
      for (let k = 0; k < 20; k++)
        await saveCheckpoint(folder, config, k % 2 === 0 ? [a, b] : [a], { shardBytes: 8 });
      done = true;
    })();
    while (!done) {
      const result = await Checkpoint.open(folder).catch((error) => error);
      if (result instanceof Checkpoint) {
        expect(await readFloats(result, 'a')).toEqual([1.5, -2]);
        await result.close();
      } else {
        // Between the two renames there is nothing at all; and one swap may fall between the reader's opens.
        expect(result).toBeInstanceOf(InputError);
      }
    }
    await writer;
  });
});
