/**
 * States of texts on the disk: the second level of the state cache, which survives a restart. A file that is damaged,
 * truncated or of another model is no error: it is removed, and its text is read again.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import type { SequenceState } from '../run/sequenceReader.ts';
import { decodeState, encodeState, type StateEntry, type StateOwner } from './stateFile.ts';

export interface StateFilesOptions extends StateOwner {
  /** Maximum bytes of all files together. */
  readonly bytes: number;
}

const extension = '.prefix';
/** Maximum number of states that wait to be written. */
const maxPending = 64;

export class StateFiles {
  readonly #folder: string;
  readonly #options: StateFilesOptions;
  readonly #sizes: LRUCache<string, number>;
  /** States being written, by file. */
  readonly #pending = new Map<string, StateEntry>();
  /** Writes and deletions are queued: a file that comes back must not be deleted after it was written. */
  #queue: Promise<void> = Promise.resolve();
  readonly #found: { name: string; tokens: readonly number[] }[] = [];
  #removed: (name: string) => void = () => {};

  private constructor(folder: string, options: StateFilesOptions) {
    this.#folder = folder;
    this.#options = options;
    this.#sizes = new LRUCache({
      maxSize: options.bytes,
      sizeCalculation: (bytes) => bytes,
      dispose: (_, name, reason) => {
        if (reason !== 'set') this.#delete(name);
      },
    });
  }

  /** Creates the folder if necessary, and lists its files. */
  static async open(folder: string, options: StateFilesOptions): Promise<StateFiles> {
    await fs.mkdir(folder, { recursive: true, mode: 0o700 });
    const files = new StateFiles(folder, options);
    const all = await fs.readdir(folder);
    for (const name of all) if (name.endsWith('.partial')) await fs.rm(join(folder, name)); // of a crash
    const names = all.filter((name) => name.endsWith(extension));
    const stats = await Promise.all(
      names.map(async (name) => ({ name, ...(await fs.stat(join(folder, name))) })),
    );
    for (const { name, size } of stats.sort((a, b) => a.mtimeMs - b.mtimeMs)) {
      const entry = await files.#load(name);
      if (!entry || !files.#takes(name, size)) files.#delete(name);
      else files.#found.push({ name, tokens: entry.tokens });
    }
    return files;
  }

  /** The files that existed when the folder was opened. */
  list(): readonly { readonly name: string; readonly tokens: readonly number[] }[] {
    return this.#found.filter(({ name }) => this.#sizes.has(name));
  }

  /** Called when a file is removed to make room. */
  onRemoved(removed: (name: string) => void): void {
    this.#removed = removed;
  }

  /** Starts writing a file, and returns its name; undefined if there is no room for it, or the disk does not keep up. */
  write(tokens: readonly number[], state: SequenceState): string | undefined {
    const digest = createHash('sha256').update(Int32Array.from(tokens)).digest('hex');
    const name = `${digest.slice(0, 40)}${extension}`;
    if (this.#sizes.get(name) !== undefined) return name; // the same text has the same state
    if (this.#pending.size >= maxPending) return undefined;
    const entry = { tokens, state };
    const bytes = encodeState(this.#options, entry);
    if (!this.#takes(name, bytes.length)) return undefined;
    this.#pending.set(name, entry);
    this.#inTurn(async () => {
      await this.#write(name, bytes);
      this.#pending.delete(name);
    });
    return name;
  }

  /** The state in a file; undefined if it is gone or damaged. */
  async read(name: string): Promise<SequenceState | undefined> {
    this.#sizes.get(name); // used now
    const entry = this.#pending.get(name) ?? (await this.#load(name));
    if (!entry) this.#sizes.delete(name); // so that its text, read again, is written again
    return entry?.state;
  }

  /** Counts a file in, and removes others to make room; false if it is larger than the room for all. */
  #takes(name: string, bytes: number): boolean {
    this.#sizes.set(name, bytes);
    return this.#sizes.has(name);
  }

  /** Resolves when all is written. */
  flush(): Promise<void> {
    return this.#queue;
  }

  #inTurn(work: () => Promise<void>): void {
    this.#queue = this.#queue.then(work).catch(() => {}); // a file that stays takes room until the next start
  }

  async #write(name: string, bytes: Uint8Array): Promise<void> {
    const path = join(this.#folder, name);
    try {
      await fs.writeFile(`${path}.partial`, bytes, { mode: 0o600 });
      await fs.rename(`${path}.partial`, path);
    } catch {
      await fs.rm(`${path}.partial`, { force: true });
      this.#sizes.delete(name); // a full disk makes the server slower, not wrong
    }
  }

  #delete(name: string): void {
    this.#removed(name);
    this.#inTurn(async () => {
      if (!this.#sizes.has(name)) await fs.rm(join(this.#folder, name), { force: true });
    });
  }

  async #load(name: string): Promise<StateEntry | undefined> {
    const bytes = await fs.readFile(join(this.#folder, name)).catch(() => undefined);
    return bytes && decodeState(this.#options, bytes);
  }
}
