/**
 * Prefixes that clients name: a system message with tools, or the beginning of a document, kept as the model's state in a
 * file each until they are deleted. Requests do not name them: a prompt that begins with a prefix's tokens continues from
 * its state, whoever sends it. They survive a restart.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import { join } from 'node:path';
import { isAbandoned } from '../processMark.ts';
import type { SequenceState } from '../run/sequenceReader.ts';
import { Turns } from '../run/turns.ts';
import { replaceFile } from '../text/replaceFile.ts';
import { ApiError } from './apiError.ts';
import { checkId } from './sessionStore.ts';
import type { StateCache } from './stateCache.ts';
import { decodeState, encodeState, type StateOwner } from './stateFile.ts';

export interface NamedPrefix {
  readonly id: string;
  /** SHA-256 of the tokens: prefixes of one content have one. */
  readonly sha256: string;
  readonly tokens: number;
  readonly bytes: number;
}

export interface PrefixOptions extends StateOwner {
  readonly folder: string;
  /** Max bytes of all files. */
  readonly bytes: number;
  /** Where prompts look for the states. */
  readonly cache: StateCache;
}

interface Entry extends NamedPrefix {
  readonly owner: string;
  readonly ids: readonly number[];
}

const extension = '.prefix';

export class NamedPrefixes {
  readonly #options: PrefixOptions;
  readonly #entries = new Map<string, Entry>();
  /** Two requests may store one name at the same time: the files and what is known of them change in one order. */
  readonly #turns = new Turns();

  private constructor(options: PrefixOptions) {
    this.#options = options;
  }

  /** Reads the folder. Files that are damaged or of another model stay, and are not used. */
  static async open(options: PrefixOptions): Promise<NamedPrefixes> {
    const prefixes = new NamedPrefixes(options);
    await fs.mkdir(options.folder, { recursive: true, mode: 0o700 });
    for (const owner of await fs.readdir(options.folder)) {
      for (const name of await fs.readdir(join(options.folder, owner)).catch(() => [])) {
        const path = join(options.folder, owner, name);
        if (isAbandoned(name)) await fs.rm(path, { force: true });
        if (!name.endsWith(extension)) continue;
        const bytes = await fs.readFile(path);
        const entry = decodeState(options, bytes);
        if (entry) prefixes.#add(path, owner, name.slice(0, -extension.length), entry.tokens, bytes.length);
      }
    }
    return prefixes;
  }

  /** @param owner the owner of the API key; owners do not see each other's names */
  list(owner: string): NamedPrefix[] {
    const own = [...this.#entries.values()].filter((entry) => entry.owner === folderOf(owner));
    return own.sort((a, b) => a.id.localeCompare(b.id)).map(described);
  }

  /**
   * Stores a state, in place of an earlier one of the same name; it is on the disk when this returns.
   * @throws ApiError if the name cannot be one, or there is no room
   */
  put(owner: string, id: string, tokens: readonly number[], state: SequenceState): Promise<NamedPrefix> {
    return this.#turns.take(async () => {
      const path = this.#path(owner, id);
      const bytes = encodeState(this.#options, { tokens, state });
      this.#checkRoom(path, bytes.length);
      await fs.mkdir(join(this.#options.folder, folderOf(owner)), { recursive: true, mode: 0o700 });
      await replaceFile(path, bytes);
      this.#remove(path);
      return described(this.#add(path, folderOf(owner), id, tokens, bytes.length));
    });
  }

  /** Returns whether there was such a prefix. */
  delete(owner: string, id: string): Promise<boolean> {
    return this.#turns.take(async () => {
      const path = this.#path(owner, id);
      if (!this.#entries.has(path)) return false;
      this.#remove(path);
      await fs.rm(path, { force: true });
      return true;
    });
  }

  #add(path: string, owner: string, id: string, ids: readonly number[], bytes: number): Entry {
    const sha256 = createHash('sha256').update(Int32Array.from(ids)).digest('hex');
    const entry = { id, sha256, tokens: ids.length, bytes, owner, ids };
    this.#entries.set(path, entry);
    this.#options.cache.name(ids, () => this.#read(path, ids));
    return entry;
  }

  /** The state stays known if another name has the same content. */
  #remove(path: string): void {
    const entry = this.#entries.get(path);
    if (!entry) return;
    this.#entries.delete(path);
    const twin = [...this.#entries].find(([, { sha256 }]) => sha256 === entry.sha256);
    if (twin) this.#options.cache.name(entry.ids, () => this.#read(twin[0], entry.ids));
    else this.#options.cache.unname(entry.ids);
  }

  /** The state after `ids`; undefined if the file is gone or, replaced meanwhile, holds that of other tokens. */
  async #read(path: string, ids: readonly number[]): Promise<SequenceState | undefined> {
    const bytes = await fs.readFile(path).catch(() => undefined);
    const found = bytes && decodeState(this.#options, bytes);
    return found?.tokens.join() === ids.join() ? found.state : undefined;
  }

  #checkRoom(path: string, bytes: number): void {
    const others = [...this.#entries].filter(([other]) => other !== path);
    const total = others.reduce((sum, [, entry]) => sum + entry.bytes, bytes);
    if (total <= this.#options.bytes) return;
    throw new ApiError(
      507,
      `prefix: found ${total} bytes of prefixes with this one, expected at most ${this.#options.bytes}; delete some`,
      { code: 'too_many_prefixes' },
    );
  }

  #path(owner: string, id: string): string {
    checkId(id, 'prefix');
    return join(this.#options.folder, folderOf(owner), id + extension);
  }
}

function folderOf(owner: string): string {
  return createHash('sha256').update(owner).digest('hex').slice(0, 24);
}

function described({ id, sha256, tokens, bytes }: NamedPrefix): NamedPrefix {
  return { id, sha256, tokens, bytes };
}
