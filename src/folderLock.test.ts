import { spawnSync } from 'node:child_process';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from './checkpoint/testing.ts';
import { FolderLock } from './folderLock.ts';
import { isAbandoned, ownMark, parseMark, partialName, removePartials } from './processMark.ts';

const { host, started } = parseMark(ownMark())!;
const ended = spawnSync(process.execPath, ['-e', '']).pid!;

describe('a lock on a folder', () => {
  it('is held by one, and names the holder', async () => {
    const folder = await temporaryFolder();
    const lock = await FolderLock.take(folder);
    await expect(FolderLock.take(folder)).rejects.toThrow(
      `process ${process.pid} on ${host} is writing there`,
    );
    await lock.release();
    expect(await readdir(folder)).toEqual([]);
    await (await FolderLock.take(folder)).release();
  });

  it('of a process that has ended is taken over', async () => {
    const folder = await temporaryFolder();
    // One that is gone, and one whose process id another process has now.
    const stale = [`.lock-${ended}-7-${host}`, `.lock-${process.pid}-${started + 1}-${host}`];
    for (const name of stale) await writeFile(join(folder, name), '');
    const lock = await FolderLock.take(folder);
    expect(await readdir(folder)).toEqual([`.lock-${ownMark()}`]);
    await lock.release();
  });

  it('of another host stands, since nothing is known of its process', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, `.lock-${ended}-7-elsewhere`), '');
    await expect(FolderLock.take(folder)).rejects.toThrow(
      `process ${ended} on elsewhere is writing there, expected a folder of its own for each process; ` +
        `wait until it ends, or delete ${join(folder, `.lock-${ended}-7-elsewhere`)} if it has ended`,
    );
    expect(await readdir(folder)).toHaveLength(1);
  });
});

describe('partial files', () => {
  it('of processes that have ended are removed, and no others', async () => {
    const folder = await temporaryFolder();
    const kept = ['a', 'a.partial', 'ab.partial-1', `a.partial-01234567-${ended}-7-elsewhere`, 'a.tmp-x'];
    const left = [`a.partial-01234567-${ended}-7-${host}`, `a.partial-${ended}`, `a.tmp-${ended}-01234567`];
    for (const name of [...kept, ...left]) await writeFile(join(folder, name), '');
    const live = partialName(join(folder, 'a'));
    await writeFile(live, '');
    expect(isAbandoned(live)).toBe(false);
    await removePartials(join(folder, 'a'));
    const names = (await readdir(folder)).map((name) => join(folder, name));
    expect(names.sort()).toEqual([...kept.map((name) => join(folder, name)), live].sort());
  });
});
