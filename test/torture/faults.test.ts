/** A disk on which one operation fails, each in its turn: the old content stays, and the next write succeeds. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { replaceFolder } from '../../src/checkpoint/replaceFolder.ts';
import { temporaryFolder } from '../../src/checkpoint/testing.ts';
import { writeSafetensors } from '../../src/checkpoint/writeSafetensors.ts';
import { replaceFile } from '../../src/text/replaceFile.ts';
import { listed } from '../../src/text/testing.ts';
import { TokenMix } from '../../src/text/tokenMix.ts';
import { writeShards } from '../../src/text/writeShards.ts';
import { beginRun } from '../../src/train/begin.ts';
import { Run } from '../../src/train/run.ts';
import { holdsRun } from '../../src/train/runFile.ts';
import { dataOf, rhyme, smallSettings, stateFiles, withMachine } from '../../src/train/testing.ts';
import { record, seed } from './budget.ts';
import { withFault } from './faultyFiles.ts';

const codes = ['ENOSPC', 'EIO'];
const maxOperations = 5000;
const counts: Record<string, number> = {};

/**
 * Fails each operation of `write` in turn, or each `stride`-th one, until it is not reached any more.
 * @param check after each failure
 */
async function failEach(
  name: string,
  write: () => Promise<unknown>,
  check: () => Promise<void>,
  stride = 1,
): Promise<void> {
  let faults = 0;
  for (let n = 1 + (seed % stride); n <= maxOperations; n += stride) {
    const { error, failed } = await withFault(n, codes[faults % 2]!, write);
    if (!failed) {
      expect(error).toBeUndefined();
      expect(faults).toBeGreaterThan(2);
      counts[name] = faults;
      record('faults', counts);
      return;
    }
    faults++;
    await check();
  }
  throw new Error(`${name}: more than ${maxOperations} operations`);
}

function tensor(value: number) {
  const bytes = new Uint8Array(new Float32Array(1000).fill(value).buffer);
  return [{ name: 'w', shape: [1000], dtype: 'F32' as const, chunks: () => [bytes] }];
}

describe('a disk that fails', () => {
  it('leaves a file as it was, or as it is meant to be', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'file');
    await replaceFile(path, 'old');
    await failEach(
      'file',
      () => replaceFile(path, 'new'),
      async () => {
        expect(await readdir(folder)).toEqual(['file']);
        expect(await readFile(path, 'utf8')).toBe('old');
      },
    );
  });

  it('leaves a checkpoint whole', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'w.safetensors');
    await writeSafetensors(path, tensor(1));
    const old = await readFile(path);
    await failEach(
      'checkpoint',
      () => writeSafetensors(path, tensor(2)),
      async () => {
        expect(await readdir(folder)).toEqual(['w.safetensors']);
        const found = await readFile(path);
        if (!found.equals(old)) await writeSafetensors(path, tensor(1)); // renamed; then the folder could not be synced
        expect(found.length).toBe(old.length);
      },
    );
  });

  it('leaves a model folder whole', async () => {
    const parent = await temporaryFolder();
    const folder = join(parent, 'model');
    const write = (value: number) =>
      replaceFolder(folder, async (temporary) => {
        await writeFile(join(temporary, 'config.json'), '{}');
        await writeSafetensors(join(temporary, 'model.safetensors'), tensor(value));
      });
    await write(1);
    await failEach(
      'model folder',
      () => write(2),
      async () => {
        expect(await readdir(parent)).toEqual(['model']);
        expect(await readdir(folder)).toEqual(['config.json', 'model.safetensors']);
      },
    );
  });

  it('leaves no half of token shards', async () => {
    const folder = await temporaryFolder();
    const { tokenizer, shards } = await dataOf(folder);
    await shards.close();
    const target = join(folder, 'more');
    await failEach(
      'shards',
      () => writeShards(target, listed([rhyme]), tokenizer, { tokensPerShard: 300 }),
      async () => expect(await readdir(folder)).toEqual(['tokens']),
    );
    await (await TokenMix.open(target, tokenizer)).close();
  });

  it('ends a training, which resumes to the same bits', async () => {
    const folder = await temporaryFolder();
    const settings = smallSettings({ steps: 3, saveEvery: 1 });
    const model = { name: 'tiny', layers: 1, hiddenSize: 32, intermediateSize: 32 };
    await withMachine(async (machine) => {
      const train = async (path: string) => {
        const plan = { folder: path, data: () => listed([rhyme]), vocabulary: 270, model, settings };
        const run = (await holdsRun(path)) ? await Run.resume(path, machine) : await beginRun(plan, machine);
        try {
          await run.train();
        } finally {
          await run.close();
        }
      };
      await train(join(folder, 'whole'));
      const expected = await stateFiles(join(folder, 'whole'));
      let n = 0;
      await failEach(
        'training',
        () => train(join(folder, `run-${n}`)),
        async () => {
          await train(join(folder, `run-${n}`));
          expect(await stateFiles(join(folder, `run-${n}`)), `fault ${n + 1}`).toEqual(expected);
          n++;
        },
        11, // a training has hundreds of operations
      );
    });
  });
});
