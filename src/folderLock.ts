/**
 * An exclusive lock on a folder: at most one process writes there.
 *
 * A process first announces itself with a file of a name of its own, `<prefix>-<process mark>`, and then looks for
 * others. Of two that start at once, at least one sees the other and withdraws. Files of processes that have ended
 * are removed: their names never come back, so no live lock can be removed by mistake.
 */
import fs from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { InputError } from './errors.ts';
import { hasEnded, ownMark, type ProcessMark, parseMark } from './processMark.ts';

const lockPrefix = '.lock';

/** Processes that start at once all withdraw, and try again after a random time. */
const attempts = 3;

export class FolderLock {
  readonly #file: string;

  private constructor(file: string) {
    this.#file = file;
  }

  /**
   * @param folder an existing one
   * @throws InputError naming the process that holds the lock
   */
  static async take(folder: string, prefix = lockPrefix): Promise<FolderLock> {
    for (let attempt = 1; ; attempt++) {
      const file = join(folder, `${prefix}-${ownMark()}`);
      const isNew = await create(file);
      const other = isNew ? await findOther(folder, prefix, file) : { mark: parseMark(ownMark())!, file };
      if (other === undefined) return new FolderLock(file);
      if (isNew) await fs.rm(file, { force: true });
      if (attempt === attempts || !isNew) throw inUse(folder, other);
      await sleep(20 + 100 * Math.random());
    }
  }

  /** Returns undefined if another process holds the lock. */
  static async takeIfFree(folder: string, prefix = lockPrefix): Promise<FolderLock | undefined> {
    const file = join(folder, `${prefix}-${ownMark()}`);
    if ((await findOther(folder, prefix, file)) !== undefined || !(await create(file))) return undefined;
    const lock = new FolderLock(file);
    // Of two that start at once, at least one sees the other.
    if ((await findOther(folder, prefix, file)) === undefined) return lock;
    await lock.release();
    return undefined;
  }

  /** Waits until no other process holds the lock. @throws the signal's reason, once aborted */
  static async wait(folder: string, signal?: AbortSignal): Promise<FolderLock> {
    for (;;) {
      const lock = await FolderLock.takeIfFree(folder);
      if (lock) return lock;
      await sleep(100 + 100 * Math.random(), undefined, { signal });
    }
  }

  async release(): Promise<void> {
    await fs.rm(this.#file, { force: true });
  }
}

/** Whether a name in a folder is that of a lock, held or left behind. */
export function isLockName(name: string): boolean {
  return name.startsWith(`${lockPrefix}-`) && parseMark(name.slice(lockPrefix.length + 1)) !== undefined;
}

interface Found {
  readonly mark: ProcessMark;
  readonly file: string;
}

/** Returns false if this process holds the lock already. */
async function create(file: string): Promise<boolean> {
  try {
    await (await fs.open(file, 'wx')).close();
    return true;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    throw new InputError(`${file}: cannot lock the folder: ${message}`, { cause });
  }
}

async function findOther(folder: string, prefix: string, own: string): Promise<Found | undefined> {
  for (const name of await fs.readdir(folder)) {
    const mark = name.startsWith(`${prefix}-`) ? parseMark(name.slice(prefix.length + 1)) : undefined;
    const file = join(folder, name);
    if (mark === undefined || file === own) continue;
    if (!hasEnded(mark)) return { mark, file };
    await fs.rm(file, { force: true });
  }
  return undefined;
}

function inUse(folder: string, { mark: { pid, host }, file }: Found): InputError {
  return new InputError(
    `${folder}: process ${pid} on ${host} is writing there, expected a folder of its own for each process; ` +
      `wait until it ends, or delete ${file} if it has ended`,
  );
}
