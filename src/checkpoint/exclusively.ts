/** One writer at a time for a place in the download cache: callers in this process queue, other processes are refused. */
import fs from 'node:fs/promises';
import { join } from 'node:path';
import { FolderLock } from '../folderLock.ts';
import { onDisk } from './writeSafetensors.ts';

const underWay = new Map<string, Promise<unknown>>();

/**
 * Calls `work` when no other call for the same folder and name is running.
 * @param folder where the lock file is written; created if necessary
 * @throws InputError naming the process that holds the lock
 */
export async function exclusively<T>(folder: string, name: string, work: () => Promise<T>): Promise<T> {
  const key = join(folder, name);
  const before = underWay.get(key) ?? Promise.resolve();
  const mine = before
    .catch(() => {}) // its own caller reports it
    .then(() => locked(folder, name, work));
  underWay.set(key, mine);
  try {
    return await mine;
  } finally {
    if (underWay.get(key) === mine) underWay.delete(key);
  }
}

async function locked<T>(folder: string, name: string, work: () => Promise<T>): Promise<T> {
  await onDisk(folder, () => fs.mkdir(folder, { recursive: true }));
  const lock = await FolderLock.take(folder, `.lock-${name}`);
  try {
    return await work();
  } finally {
    await lock.release();
  }
}
