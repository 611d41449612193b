import fs from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../errors.ts';
import { formatBytes } from '../format.ts';
import type { RemoteFile } from './downloadFile.ts';

/** Bytes that stay free on the disk. */
const reserve = 100e6;

/**
 * Checks that the disk has room for the part of the files that `folder` lacks.
 * @param free bytes free on the disk of a folder; by default the file system's answer
 * @throws InputError if it has not
 */
export async function checkFreeSpace(
  files: readonly RemoteFile[],
  folder: string,
  free = freeBytes,
): Promise<void> {
  const present = await Promise.all(
    files.flatMap(({ path }) => [join(folder, path), join(folder, `${path}.partial`)]).map(sizeOf),
  );
  const missing = sum(files.map(({ size }) => size)) - sum(present);
  const available = await free(folder);
  if (available === undefined || missing + reserve <= available) return;
  throw new InputError(
    `${folder}: the disk has ${formatBytes(available)} free, expected at least ${formatBytes(missing + reserve)}; ` +
      'free some space, or choose another folder (XDG_CACHE_HOME, or cacheDir in code)',
  );
}

/** Undefined where the system does not say. */
async function freeBytes(folder: string): Promise<number | undefined> {
  const found = await fs.statfs(folder).catch(() => undefined);
  return found && found.bavail * found.bsize;
}

async function sizeOf(path: string): Promise<number> {
  return (await fs.stat(path).catch(() => undefined))?.size ?? 0;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
