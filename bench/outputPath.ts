/** Where a benchmark writes its tables. */
import { access, constants, mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { InputError } from '../src/errors.ts';
import { systemReason } from '../src/systemErrors.ts';

const results = join(import.meta.dirname, '../results');

/**
 * Returns an absolute path without extension, whose folder exists and can be written to. Call it before measuring, so
 * that a wrong path does not cost the measurement.
 * @param given `--out`, relative to the working directory
 * @param name in results/, if none is given
 */
export async function outputPath(given: string | undefined, name: string): Promise<string> {
  const path = given === undefined ? join(results, name) : resolve(given);
  try {
    await mkdir(dirname(path), { recursive: true });
    await access(dirname(path), constants.W_OK);
  } catch (cause) {
    throw new InputError(`--out: ${path} cannot be written: ${systemReason(cause, { writing: true })}`, {
      cause,
    });
  }
  return path;
}
