/**
 * Sessions that the server keeps under names. A session that was saved is on the disk, synchronised, before anyone
 * is told so: killing the process loses none.
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

/** A session in use: nobody else may change it meanwhile. */
export interface Lease {
  readonly id: string;
  /** Absent if the session is new. */
  readonly session: SavedSession | undefined;
  /** Returns when it cannot get lost any more. */
  save(session: SavedSession): Promise<void>;
  release(): void;
}

export class SessionStore {
  readonly #options: SessionStoreOptions;
  readonly #busy = new Set<string>();

  private constructor(options: SessionStoreOptions) {
    this.#options = options;
  }

  /** Removes what a server that crashed left half written. */
  static async open(options: SessionStoreOptions): Promise<SessionStore> {
    const entries = await fs.readdir(options.folder, { recursive: true, withFileTypes: true });
    for (const { name, parentPath } of entries)
      if (isAbandoned(name)) await fs.rm(join(parentPath, name), { force: true });
    return new SessionStore(options);
  }

  /**
   * Takes a session into use.
   * @param owner whoever the API key belongs to; owners do not see each other's sessions
   * @throws ApiError if it is in use, or one too many
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

  /** Replaces a session without reading it, so that a damaged one can be mended. */
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

  /** Marks a session as in use, and returns what ends that. */
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
      if (!released) this.#busy.delete(path); // later it may be somebody else's
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

  /** Returns whether there was such a session. It is not read: damaged ones can be deleted too. */
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
    await syncFolder(this.#folder(owner)); // the name too must outlive a power failure
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

/** Names become file names, so nothing that means something in a path. */
function checkId(id: string): void {
  if (deviceNames.test(id))
    throw new ApiError(400, `session: found "${id}", a name that Windows reserves for a device`, {
      param: 'session',
    });
  if (/^[A-Za-z0-9_-]{1,64}$/.test(id)) return;
  throw new ApiError(400, 'session: expected 1 to 64 letters, digits, "_" and "-"', { param: 'session' });
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await fs.open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
