/**
 * A folder in which a run is prepared. A marker, written first and removed once the run is complete, distinguishes the
 * leftovers of a killed process from the user's files.
 */
import { mkdir, readdir, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../errors.ts';
import { FolderLock, isLockName } from '../folderLock.ts';
import { isAbandoned } from '../processMark.ts';
import { systemReason } from '../systemErrors.ts';
import { holdsRun } from './runFile.ts';

const marker = '.preparing';

/** Everything that preparing a run writes. */
const own =
  /^(config\.json|(model|optimizer-\d+)\.safetensors|tokenizer(_config)?\.json|training\.json|tokens|\.preparing)(\.partial-.*|\.tmp-.*)?$/;

export class RunFolder {
  readonly path: string;
  readonly lock: FolderLock;
  readonly #isNew: boolean;

  private constructor(path: string, lock: FolderLock, isNew: boolean) {
    this.path = path;
    this.lock = lock;
    this.#isNew = isNew;
  }

  /**
   * Makes the folder if need be, locks it, and removes what an earlier, killed preparation left.
   * @throws InputError if another process writes there, or the folder is not empty
   */
  static async prepare(path: string): Promise<RunFolder> {
    const isNew = await make(path);
    const lock = await FolderLock.take(path);
    const folder = new RunFolder(path, lock, isNew);
    try {
      await refuseUsed(path);
      await writeFile(join(path, marker), '', { flush: true });
    } catch (error) {
      await lock.release();
      throw error;
    }
    return folder;
  }

  /** The run is complete. */
  async complete(): Promise<void> {
    await rm(join(this.path, marker), { force: true });
  }

  /** Removes what was prepared, and nothing else. */
  async undo(): Promise<void> {
    await removeOwn(this.path);
    await this.lock.release();
    if (this.#isNew) await rmdir(this.path).catch(() => {}); // someone else has put something there
  }
}

/** Whether a process was killed while it prepared a run there, and no other one continues. */
export async function isHalfPrepared(path: string): Promise<boolean> {
  const names: string[] = await readdir(path).catch(() => []);
  return names.includes(marker) && !(await holdsRun(path));
}

async function make(path: string): Promise<boolean> {
  try {
    return (await mkdir(path, { recursive: true })) !== undefined;
  } catch (error) {
    throw new InputError(`${path}: expected a folder: ${systemReason(error)}`, { cause: error });
  }
}

async function refuseUsed(path: string): Promise<void> {
  if (await holdsRun(path)) {
    throw new InputError(`${path}: holds a training run; add --resume to continue, or name another folder`);
  }
  const found = async () => (await readdir(path)).filter((name) => !isLockName(name));
  if ((await found()).includes(marker)) await removeOwn(path);
  for (const name of await found()) {
    // Earlier versions wrote no marker, but nobody else gives such names.
    if (name.startsWith('tokens.partial-') && isAbandoned(name))
      await rm(join(path, name), { recursive: true });
  }
  const { length } = await found();
  if (length > 0) throw new InputError(`${path}: found ${length} files, expected a new or an empty folder`);
}

/** The marker is removed last, so that the next call finishes what a kill left here. */
async function removeOwn(path: string): Promise<void> {
  const names = (await readdir(path)).filter((name) => own.test(name) && name !== marker);
  for (const name of names) await rm(join(path, name), { recursive: true, force: true });
  await rm(join(path, marker), { force: true });
}
