/** Reads a file that an option names. */
import { readFile } from 'node:fs/promises';
import { InputError } from '../errors.ts';
import { systemReason } from '../systemErrors.ts';

/** @throws InputError that names the option, if the file cannot be read */
export async function readInputFile(option: string, file: string): Promise<Buffer> {
  return readFile(file).catch((cause: unknown) => {
    throw new InputError(`${option}: ${file} cannot be read: ${systemReason(cause)}`, { cause });
  });
}
