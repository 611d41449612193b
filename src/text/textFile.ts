/** Streams text files, compressed ones too (Node only). */
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { InputError } from '../errors.ts';
import { refuseWrongFile, startBytes } from '../wrongFile.ts';
import { cutAtFrames } from './zstdFrames.ts';

const wanted = 'a text file (pages that are meant as texts belong in a .jsonl file)';

/**
 * Yields the text of a UTF-8 file in pieces; `.zst` and `.gz` are decompressed. A byte-order mark is dropped.
 * @throws {InputError} if the file is missing, not a regular file, not UTF-8, damaged, or a web page or a pointer
 */
export async function* readText(file: string, signal?: AbortSignal): AsyncGenerator<string> {
  await checkFile(file);
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  let offset = 0;
  try {
    for await (const bytes of openBytes(file)) {
      signal?.throwIfAborted();
      if (offset === 0) refuseWrongFile(bytes, file, wanted); // of a compressed file, only its content shows it
      yield decode(utf8, bytes, file, offset);
      offset += bytes.length;
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (!/^(ZSTD_|Z_|ERR_)/.test(code)) throw error;
    throw new InputError(`${file}: damaged, or not what its name says: ${(error as Error).message}`, {
      cause: error,
    });
  }
  yield decode(utf8, undefined, file, offset);
}

/** Returns the name without `.zst` or `.gz`. */
export function unpackedName(file: string): string {
  return file.replace(/\.(zst|gz)$/, '');
}

async function checkFile(file: string): Promise<void> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    throw new InputError(`${file}: found no such file (${error.code}), expected a text file`, {
      cause: error,
    });
  });
  if (!found.isFile()) throw new InputError(`${file}: found no regular file, expected a text file`);
  await refuseWrongStart(file, wanted);
}

/** Checks the first bytes of a file; see wrongFile.ts. */
export async function refuseWrongStart(path: string, expected: string): Promise<void> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(startBytes));
    refuseWrongFile(buffer.subarray(0, bytesRead), path, expected);
  } finally {
    await file.close();
  }
}

function openBytes(file: string): AsyncIterable<Uint8Array> {
  const packed = createReadStream(file, { highWaterMark: 2 ** 18 });
  // The consumer of the result receives all errors: pipeline forwards those of the file, and closes both streams.
  if (file.endsWith('.zst')) return pipeline(packed, cutAtFrames, createZstdDecompress(), () => {});
  return file.endsWith('.gz') ? pipeline(packed, createGunzip(), () => {}) : packed;
}

function decode(utf8: TextDecoder, bytes: Uint8Array | undefined, file: string, offset: number): string {
  try {
    return bytes === undefined ? utf8.decode() : utf8.decode(bytes, { stream: true });
  } catch (error) {
    const where =
      bytes === undefined
        ? `at its end`
        : `between bytes ${Math.max(0, offset - 3)} and ${offset + bytes.length}`;
    throw new InputError(`${file}: found bytes that are not UTF-8 ${where}, expected UTF-8 text`, {
      cause: error,
    });
  }
}
