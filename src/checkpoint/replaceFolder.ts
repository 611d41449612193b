/** Replaces a model folder as a whole, so that readers never find a mixture of old and new files. */
import fs from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { InputError } from '../errors.ts';
import { FolderLock, isLockName } from '../folderLock.ts';
import { partialName, removePartials } from '../processMark.ts';
import { systemReason } from '../systemErrors.ts';
import { isWeightFile } from './modelFiles.ts';
import { onDisk, syncFolder } from './writeSafetensors.ts';

/**
 * Calls `write` with an empty temporary folder beside `folder`, then puts it in the place of `folder`, creating parents.
 * Other files of the old folder (tokenizer, notes) are moved along unless `write` has written them.
 *
 * Two renames do the swap. A crash between them leaves the old folder as `<folder>.previous`.
 * @throws InputError if `folder` holds files but no config.json, so that it is not a model
 */
export async function replaceFolder(
  folder: string,
  write: (temporary: string) => Promise<void>,
): Promise<void> {
  const target = await fs.realpath(folder).catch(() => resolve(folder));
  const existing = await listFolder(target);
  if (existing?.some((name) => !isLockName(name)) && !existing.includes('config.json')) {
    throw new InputError(
      `${folder}: holds files but no model; expected a new or empty folder, or a model folder`,
    );
  }
  const lock = existing && (await FolderLock.take(target)); // a training that runs there keeps its folder
  await removePartials(target);
  const temporary = partialName(target);
  try {
    await onDisk(folder, () => fs.mkdir(temporary, { recursive: true }));
    await write(temporary);
    if (existing) await carryOver(target, temporary, existing);
    await syncFolder(temporary);
    await onDisk(folder, () => swap(temporary, target, existing !== undefined));
  } catch (error) {
    await fs.rm(temporary, { recursive: true, force: true });
    await lock?.release();
    throw error;
  }
  await syncFolder(dirname(target));
}

/** Returns the path where an interrupted `replaceFolder` may have left the old folder. */
export function previousOf(folder: string): string {
  return `${resolve(folder)}.previous`;
}

async function listFolder(folder: string): Promise<string[] | undefined> {
  try {
    return await fs.readdir(folder);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    const reason = code === 'ENOTDIR' ? 'found a file; choose another name' : systemReason(cause);
    throw new InputError(`${folder}: expected a folder: ${reason}`, { cause });
  }
}

async function carryOver(from: string, to: string, names: readonly string[]): Promise<void> {
  const made = new Set(await fs.readdir(to));
  for (const name of names) {
    if (made.has(name) || name === 'config.json' || isWeightFile(name) || isLockName(name)) continue;
    await onDisk(to, () =>
      fs.cp(join(from, name), join(to, name), { recursive: true, mode: fs.constants.COPYFILE_FICLONE }),
    );
  }
}

async function swap(temporary: string, target: string, exists: boolean): Promise<void> {
  const previous = previousOf(target);
  if (exists) {
    await fs.rm(previous, { recursive: true, force: true });
    await fs.rename(target, previous);
  }
  try {
    await fs.rename(temporary, target);
  } catch (error) {
    if (exists) await fs.rename(previous, target);
    throw error;
  }
  await fs.rm(previous, { recursive: true, force: true });
}
