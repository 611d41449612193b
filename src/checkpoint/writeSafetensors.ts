/** Writes safetensors files: tensors are streamed, and a reader sees the finished file or none. */
import fs, { type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { InputError } from '../errors.ts';
import { partialName, removePartials, withoutPartial } from '../processMark.ts';
import { systemReason } from '../systemErrors.ts';
import { type StoredDType, storedBytes } from './safetensorsHeader.ts';
import { layOut } from './safetensorsLayout.ts';

/** Node refuses single writes of 2 GiB and more. */
const largestTransfer = 2 ** 28;

/** A tensor to write: its bytes come in chunks of any size, in row-major order, little-endian. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  /** Called once, when it is the tensor's turn. A chunk may be overwritten after the next is requested. */
  readonly chunks: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/**
 * Writes a safetensors file under a temporary name in the same folder, then renames it. If anything fails, the temporary
 * file is removed and an earlier file at `path` stays.
 *
 * @throws InputError if the disk refuses; RangeError if the entries are invalid or deliver too few or too many bytes;
 * any error that a chunk source throws
 */
export async function writeSafetensors(
  path: string,
  entries: readonly TensorEntry[],
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { ordered, header } = layOut(entries, metadata);
  await removePartials(path);
  const temporary = partialName(path);
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

/** Runs a file operation; converts its failure into an error that names the file and the reason. */
export async function onDisk<T>(path: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (cause) {
    const reason = systemReason(cause, { writing: true });
    throw new InputError(`${withoutPartial(path)}: cannot be written: ${reason}`, { cause });
  }
}

/** Makes a rename in this folder durable against a power failure, on platforms that can sync folders. */
export async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await fs.open(folder, 'r');
    await handle.sync().finally(() => handle.close());
  } catch {
    // Windows cannot open folders; the rename itself has happened.
  }
}
