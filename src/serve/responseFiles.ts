/** States after responses on the disk, so that `previous_response_id` survives a restart; the least recently used go. */
import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import { isAbandoned } from '../processMark.ts';
import { replaceFile } from '../text/replaceFile.ts';
import type { KeptResponse } from './responses.ts';
import type { StateSigner } from './signedState.ts';

export interface ResponseFilesOptions {
  readonly folder: string;
  /** Max bytes of all files. */
  readonly bytes: number;
  readonly signer: StateSigner;
}

const extension = '.response';
/** Max bytes of states that wait to be written. */
const maxPendingBytes = 2 ** 26;

export class ResponseFiles {
  readonly #options: ResponseFilesOptions;
  readonly #sizes: LRUCache<string, number>;
  /** Writes and deletions, one after the other. */
  #queue: Promise<void> = Promise.resolve();
  #pendingBytes = 0;

  private constructor(options: ResponseFilesOptions) {
    this.#options = options;
    this.#sizes = new LRUCache({
      maxSize: Math.max(1, options.bytes),
      sizeCalculation: (bytes) => bytes,
      dispose: (_, name, reason) => {
        if (reason !== 'set') this.#remove(name);
      },
    });
  }

  static async open(options: ResponseFilesOptions): Promise<ResponseFiles> {
    const files = new ResponseFiles(options);
    await fs.mkdir(options.folder, { recursive: true, mode: 0o700 });
    const found: { name: string; size: number; mtimeMs: number }[] = [];
    for (const name of await fs.readdir(options.folder)) {
      const path = join(options.folder, name);
      if (isAbandoned(name)) await fs.rm(path, { force: true });
      else if (name.endsWith(extension)) found.push({ name, ...(await fs.stat(path)) });
    }
    for (const { name, size } of found.sort((a, b) => a.mtimeMs - b.mtimeMs)) files.#count(name, size);
    return files;
  }

  /** Writes a state; a disk that is full, or does not keep up, loses it. */
  write(key: string, { session, instructions }: KeptResponse): void {
    const content = Buffer.from(JSON.stringify({ state: this.#options.signer.sign(session), instructions }));
    if (this.#pendingBytes + content.length > maxPendingBytes) return;
    this.#pendingBytes += content.length;
    const name = nameOf(key);
    this.#inTurn(async () => {
      await replaceFile(join(this.#options.folder, name), content).finally(() => {
        this.#pendingBytes -= content.length;
      });
      this.#count(name, content.length);
    });
  }

  /** Counts a file in, and removes others to make room; itself, if it is larger than the room for all. */
  #count(name: string, bytes: number): void {
    this.#sizes.set(name, bytes);
    if (!this.#sizes.has(name)) this.#remove(name);
  }

  #remove(name: string): void {
    this.#inTurn(() => fs.rm(join(this.#options.folder, name), { force: true }));
  }

  /** The state; undefined if there is none any more, or it is damaged or of another model. */
  async read(key: string): Promise<KeptResponse | undefined> {
    const name = nameOf(key);
    if (this.#sizes.get(name) === undefined) return undefined;
    try {
      const text = await fs.readFile(join(this.#options.folder, name), 'utf8');
      const { state, instructions } = JSON.parse(text) as { state: string; instructions?: string | null };
      return { session: this.#options.signer.verify(state), instructions };
    } catch {
      return undefined;
    }
  }

  /** Resolves when all is written. */
  flush(): Promise<void> {
    return this.#queue;
  }

  #inTurn(work: () => Promise<void>): void {
    this.#queue = this.#queue.then(work).catch(() => {});
  }
}

function nameOf(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 40) + extension;
}
