/**
 * Sessions that the server stores under names. A session is acknowledged only after it is on the disk, synchronised, so
 * killing the process loses none.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import { join } from 'node:path';
import type { SavedSession } from '../generate/savedSession.ts';
import { isAbandoned } from '../processMark.ts';
import { replaceFile } from '../text/replaceFile.ts';
import { ApiError } from './apiError.ts';
import type { StateSigner } from './signedState.ts';

const extension = '.session';
const deviceNames = /^(con|prn|aux|nul|com\d|lpt\d)$/i;

export interface SessionStoreOptions {
  readonly folder: string;
  readonly signer: StateSigner;
  /** Sessions of one owner. */
  readonly max: number;
}

/** A session in use, locked against other requests. */
export interface Lease {
  readonly id: string;
  /** Absent if the session is new. */
  readonly session: SavedSession | undefined;
  /** Returns when the session is durable. */
  save(session: SavedSession): Promise<void>;
  release(): void;
}

export class SessionStore {
  readonly #options: SessionStoreOptions;
  readonly #busy = new Set<string>();

  private constructor(options: SessionStoreOptions) {
    this.#options = options;
  }

  /** Removes partial files of a server that crashed. */
  static async open(options: SessionStoreOptions): Promise<SessionStore> {
    const entries = await fs.readdir(options.folder, { recursive: true, withFileTypes: true });
    for (const { name, parentPath } of entries)
      if (isAbandoned(name)) await fs.rm(join(parentPath, name), { force: true });
    return new SessionStore(options);
  }

  /**
   * Locks a session for use.
   * @param owner the owner of the API key; owners do not see each other's sessions
   * @throws ApiError if it is in use, or there are too many
   */
  async lease(owner: string, id: string): Promise<Lease> {
    const release = this.#take(owner, id);
    const path = this.#path(owner, id);
    try {
      const session = await this.#read(path);
      if (!session) await this.#checkCount(owner);
      return { id, session, release, save: (next) => this.#save(owner, path, next) };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Replaces a session without reading it, so that a damaged one can be replaced. */
  async put(owner: string, id: string, session: SavedSession): Promise<void> {
    const release = this.#take(owner, id);
    try {
      const path = this.#path(owner, id);
      if (!(await this.list(owner)).includes(id)) await this.#checkCount(owner);
      await this.#save(owner, path, session);
    } finally {
      release();
    }
  }

  /** Marks a session as in use, and returns the function that unmarks it. */
  #take(owner: string, id: string): () => void {
    checkId(id);
    const path = this.#path(owner, id);
    if (this.#busy.has(path)) {
      throw new ApiError(409, `session: "${id}" is in use by another request; wait for its answer`, {
        param: 'session',
        code: 'session_busy',
      });
    }
    this.#busy.add(path);
    let released = false;
    return () => {
      if (!released) this.#busy.delete(path); // a second call could release another request's lock
      released = true;
    };
  }

  async list(owner: string): Promise<string[]> {
    const names = await fs.readdir(this.#folder(owner)).catch(() => []);
    return names.filter((name) => name.endsWith(extension)).map((name) => name.slice(0, -extension.length));
  }

  async get(owner: string, id: string): Promise<SavedSession | undefined> {
    checkId(id);
    return this.#read(this.#path(owner, id));
  }

  /** Returns whether the session existed. It is not read: damaged ones can be deleted too. */
  async delete(owner: string, id: string): Promise<boolean> {
    const release = this.#take(owner, id);
    try {
      await fs.rm(this.#path(owner, id));
      await syncFolder(this.#folder(owner));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    } finally {
      release();
    }
  }

  async #save(owner: string, path: string, session: SavedSession): Promise<void> {
    await fs.mkdir(this.#folder(owner), { recursive: true, mode: 0o700 });
    await replaceFile(path, this.#options.signer.sign(session));
    await syncFolder(this.#folder(owner)); // the name, too, must survive a power failure
  }

  async #read(path: string): Promise<SavedSession | undefined> {
    try {
      return this.#options.signer.verify(await fs.readFile(path, 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async #checkCount(owner: string): Promise<void> {
    const count = (await this.list(owner)).length;
    if (count < this.#options.max) return;
    throw new ApiError(409, `session: found ${count} sessions, expected fewer; delete some`, {
      param: 'session',
      code: 'too_many_sessions',
    });
  }

  #folder(owner: string): string {
    return join(this.#options.folder, createHash('sha256').update(owner).digest('hex').slice(0, 24));
  }

  #path(owner: string, id: string): string {
    return join(this.#folder(owner), id + extension);
  }
}

/** Names become file names, so characters with a meaning in paths are not allowed. */
export function checkId(id: string, param = 'session'): void {
  if (deviceNames.test(id))
    throw new ApiError(400, `${param}: found "${id}", a name that Windows reserves for a device`, { param });
  if (/^[A-Za-z0-9_-]{1,64}$/.test(id)) return;
  throw new ApiError(
    400,
    `${param}: found ${JSON.stringify(id.slice(0, 80))}, expected 1 to 64 letters, digits, "_" and "-"`,
    {
      param,
    },
  );
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await fs.open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
