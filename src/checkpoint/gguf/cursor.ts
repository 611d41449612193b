/** Reads little-endian values from the beginning of a file, of which more is fetched as they turn out to be longer. */
import type { ReadableFile } from '#platform';
import { InputError } from '../../errors.ts';
import { readFully } from '../../files.ts';

/** The bytes at hand end before the value does. */
class NeedsMore extends Error {
  readonly end: number;

  constructor(end: number) {
    super();
    this.end = end;
  }
}

export class Cursor {
  readonly bytes: Uint8Array<ArrayBuffer>;
  position = 0;
  readonly #view: DataView;
  readonly #limit: number;
  readonly #where: string;

  /** @param limit bytes that there could be: a value beyond is an error, not a reason to read on */
  constructor(bytes: Uint8Array<ArrayBuffer>, limit: number, where: string) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#limit = limit;
    this.#where = where;
  }

  /** Passes over `count` bytes and returns where they begin. @throws InputError if the file cannot hold them */
  skip(count: number): number {
    const start = this.position;
    const end = start + count;
    if (!(end <= this.#limit)) {
      throw new InputError(
        `${this.#where}: byte ${start}: found a value of ${count} bytes, expected at most ${this.#limit - start}; ` +
          'the file is truncated or damaged',
      );
    }
    if (end > this.bytes.length) throw new NeedsMore(end);
    this.position = end;
    return start;
  }

  u32(): number {
    return this.#view.getUint32(this.skip(4), true);
  }

  /** A 64-bit count; too large ones come out as numbers that no file can satisfy. */
  u64(): number {
    const at = this.skip(8);
    return this.#view.getUint32(at, true) + 2 ** 32 * this.#view.getUint32(at + 4, true);
  }

  /** The bytes of a text, which begin with their number. */
  counted(): Uint8Array<ArrayBuffer> {
    const length = this.u64();
    const start = this.skip(length);
    return this.bytes.subarray(start, start + length);
  }
}

const firstBytes = 2 ** 20;

/**
 * Applies `parse` to the beginning of a file, read as far as it goes. `parse` starts again when it reaches the end of
 * what was read, and must take no other notice of it.
 * @param maxBytes how long the beginning may be
 */
export async function parseBeginning<T>(
  file: ReadableFile,
  path: string,
  maxBytes: number,
  parse: (cursor: Cursor) => T,
): Promise<T> {
  const limit = Math.min(file.size, maxBytes);
  let buffer = new ArrayBuffer(0);
  for (let wanted = firstBytes; ; ) {
    const known = buffer.byteLength;
    // Shorter buffers give their memory back now, not when they are collected: a vocabulary takes many megabytes.
    buffer = buffer.transfer(Math.min(limit, wanted));
    await readFully(file, new Uint8Array(buffer, known), known, path);
    try {
      return parse(new Cursor(new Uint8Array(buffer), limit, path));
    } catch (error) {
      if (!(error instanceof NeedsMore)) throw error;
      wanted = Math.max(2 * buffer.byteLength, error.end);
    }
  }
}
