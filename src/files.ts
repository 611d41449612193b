/** Reading whole files, wherever the platform has them. */
import { openFile, type ReadableFile } from '#platform';
import { InputError } from './errors.ts';
import { type JsonObject, parseJsonObject } from './json.ts';
import { refuseWrongFile } from './wrongFile.ts';

/**
 * A file of at most `maxBytes`, or undefined if there is no such file.
 * @param what what it should be, for errors
 * @throws InputError if it is not a regular file, too long, or a file that stands for another (see wrongFile.ts)
 */
export async function readFile(
  path: string,
  maxBytes: number,
  what: string,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const file = await openFile(path);
  if (file === undefined) return undefined;
  try {
    if (file.size > maxBytes) {
      throw new InputError(`${path}: ${file.size} bytes; expected ${what} of at most ${maxBytes}`);
    }
    const bytes = new Uint8Array(file.size);
    await readFully(file, bytes, 0, path);
    refuseWrongFile(bytes, path, what);
    return bytes;
  } finally {
    await file.close();
  }
}

/**
 * The JSON object in a file of at most `maxBytes`, or undefined if there is no such file.
 * @throws InputError if it is not a regular file, too long, or not a JSON object
 */
export async function readJsonFile(path: string, maxBytes: number): Promise<JsonObject | undefined> {
  const bytes = await readFile(path, maxBytes, 'a JSON file');
  return bytes && parseJsonObject(bytes, path);
}

/** Fills `target` from byte `position` on. @throws InputError if the file ends before */
export async function readFully(
  file: ReadableFile,
  target: Uint8Array,
  position: number,
  path: string,
): Promise<void> {
  for (let done = 0; done < target.length; ) {
    const bytes = await file.read(target.subarray(done), position + done);
    if (bytes === 0) {
      throw new InputError(
        `${path}: ends at byte ${position + done}, expected ${position + target.length} or more; it was truncated or replaced after it was opened`,
      );
    }
    done += bytes;
  }
}
