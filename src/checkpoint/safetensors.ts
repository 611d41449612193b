/**
 * Safetensors files. Reading parses the header once and then reads tensors, or parts of them, where the
 * caller wants them. Writing streams, and a reader sees the finished file or none.
 */
import { randomBytes } from 'node:crypto';
import fs, { type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { InputError } from '../errors.ts';
import { openRegularFile } from './json.ts';
import {
  bytesPerElement,
  formatHeader,
  type Header,
  maxHeaderBytes,
  type PlacedTensor,
  parseHeader,
  type StoredDType,
  storedBytes,
  type TensorInfo,
} from './safetensorsHeader.ts';

export type { StoredDType, TensorInfo } from './safetensorsHeader.ts';

/** Node refuses single reads and writes of 2 GiB and more. */
const largestTransfer = 2 ** 28;

export class SafetensorsFile {
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly #file: FileHandle;
  readonly #placed: ReadonlyMap<string, PlacedTensor>;
  readonly #dataStart: number;

  private constructor(path: string, file: FileHandle, header: Header, dataStart: number) {
    this.path = path;
    this.metadata = header.metadata;
    this.tensors = header.tensors;
    this.#file = file;
    this.#placed = header.tensors;
    this.#dataStart = dataStart;
  }

  /**
   * Opens a file and checks its header; no tensor is read.
   * @throws InputError if the file is missing or its header is not sound
   */
  static async open(path: string): Promise<SafetensorsFile> {
    const file = await openRegularFile(path);
    if (file === undefined) throw new InputError(`${path}: no such file; expected a safetensors file`);
    try {
      const { size } = await file.stat();
      if (size < 8) throw new InputError(`${path}: ${size} bytes; a safetensors file has at least 8`);
      const length = new Uint8Array(8);
      await readFully(file, length, 0, path);
      const headerBytes = new DataView(length.buffer).getBigUint64(0, true);
      const limit = Math.min(size - 8, maxHeaderBytes);
      if (headerBytes > BigInt(limit)) {
        throw new InputError(
          `${path}: header length: found ${headerBytes}, expected at most ${limit}; the file is truncated or not safetensors`,
        );
      }
      const json = new Uint8Array(Number(headerBytes));
      await readFully(file, json, 8, path);
      const dataStart = 8 + json.length;
      return new SafetensorsFile(path, file, parseHeader(json, size - dataStart, path), dataStart);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** All bytes of a tensor, in memory of its own. */
  async read(name: string): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(this.#find(name).byteLength);
    await this.readInto(name, bytes);
    return bytes;
  }

  /**
   * Fills `target` with the bytes of a tensor from byte `start` on. `target` may lie in shared memory.
   * @throws RangeError if the tensor has fewer than start + target.length bytes; InputError if the file has
   * become shorter since it was opened
   */
  async readInto(name: string, target: Uint8Array, start = 0): Promise<void> {
    const { offset, byteLength } = this.#find(name);
    if (!Number.isSafeInteger(start) || start < 0 || start + target.length > byteLength) {
      throw new RangeError(
        `${this.path}: tensor "${name}": bytes ${start} to ${start + target.length} of ${byteLength}`,
      );
    }
    await readFully(this.#file, target, this.#dataStart + offset + start, this.path);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #find(name: string): PlacedTensor {
    const tensor = this.#placed.get(name);
    if (tensor) return tensor;
    throw new InputError(`${this.path}: tensor "${name}" not found among its ${this.#placed.size} tensors`);
  }
}

async function readFully(
  file: FileHandle,
  target: Uint8Array,
  position: number,
  path: string,
): Promise<void> {
  for (let done = 0; done < target.length; ) {
    const length = Math.min(target.length - done, largestTransfer);
    const { bytesRead } = await file.read(target, done, length, position + done);
    if (bytesRead === 0) {
      throw new InputError(
        `${path}: ends at byte ${position + done}, expected ${position + target.length} or more; it was truncated or replaced after it was opened`,
      );
    }
    done += bytesRead;
  }
}

/** A tensor to write: its bytes come in chunks of any size, in row-major order, little-endian. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  /** Called once, when the tensor's turn comes. A chunk may be overwritten after the next is asked for. */
  readonly chunks: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/**
 * Writes a safetensors file under a temporary name in the same folder, then renames it; if anything fails,
 * the temporary file is removed and whatever was at `path` stays.
 *
 * Wider types come first, otherwise in the given order, so that every tensor is aligned to its elements.
 * @throws InputError if the disk refuses; RangeError if the entries are not sound or deliver too few or too
 * many bytes; whatever a chunk source throws
 */
export async function writeSafetensors(
  path: string,
  entries: readonly TensorEntry[],
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { ordered, header } = layOut(entries, metadata);
  const temporary = `${path}.tmp-${process.pid}-${randomBytes(4).toString('hex')}`;
  try {
    const file = await onDisk(path, () => fs.open(temporary, 'wx'));
    try {
      await writeFully(file, header, path);
      for (const entry of ordered) await writeTensor(file, entry, path);
      await onDisk(path, () => file.sync());
    } finally {
      await onDisk(path, () => file.close());
    }
    await onDisk(path, () => fs.rename(temporary, path));
  } catch (error) {
    await fs.rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

function layOut(entries: readonly TensorEntry[], metadata: Readonly<Record<string, string>>) {
  const ordered = entries.toSorted((a, b) => bytesPerElement(b.dtype) - bytesPerElement(a.dtype));
  const placed = new Map<string, PlacedTensor>();
  let offset = 0;
  for (const { name, dtype, shape } of ordered) {
    const byteLength = storedBytes(dtype, shape);
    if (Number.isNaN(byteLength)) throw new RangeError(`tensor "${name}": impossible shape [${shape}]`);
    if (placed.has(name) || name === '__metadata__') {
      throw new RangeError(`tensor "${name}": a name of its own is needed for each tensor`);
    }
    placed.set(name, { dtype, shape, byteLength, offset });
    offset += byteLength;
  }
  return { ordered, header: formatHeader(placed, metadata) };
}

async function writeTensor(file: FileHandle, entry: TensorEntry, path: string): Promise<void> {
  const expected = storedBytes(entry.dtype, entry.shape);
  let written = 0;
  for await (const chunk of entry.chunks()) {
    written += chunk.length;
    if (written > expected) break;
    await writeFully(file, chunk, path);
  }
  if (written !== expected) {
    const found = written > expected ? `${written} or more` : `only ${written}`;
    throw new RangeError(
      `${path}: tensor "${entry.name}": its chunks hold ${found} bytes, expected ${expected}`,
    );
  }
}

async function writeFully(file: FileHandle, bytes: Uint8Array, path: string): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const length = Math.min(bytes.length - done, largestTransfer);
    done += (await onDisk(path, () => file.write(bytes, done, length))).bytesWritten;
  }
}

/** Runs a file operation; its failure becomes an error that says which file could not be written and why. */
export async function onDisk<T>(path: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const full = code === 'ENOSPC' || code === 'EDQUOT';
    const reason = full ? 'no space is left on the disk; free some or write elsewhere' : message;
    throw new InputError(`${path}: cannot be written: ${reason}`, { cause });
  }
}

/** Makes a rename in this folder survive a power failure, where the platform lets folders be synced. */
export async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await fs.open(folder, 'r');
    await handle.sync().finally(() => handle.close());
  } catch {
    // Windows cannot open folders; the rename itself has happened.
  }
}
