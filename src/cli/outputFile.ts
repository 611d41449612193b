/** Refuses an output before work is done for it. */
import { access, constants, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { InputError } from '../errors.ts';
import { systemReason } from '../systemErrors.ts';

/**
 * @param files by the option that names each
 * @throws InputError if one cannot be written
 */
export async function checkOutputFiles(files: Readonly<Record<string, string | undefined>>): Promise<void> {
  for (const [option, file] of Object.entries(files)) if (file !== undefined) await check(option, file);
}

async function check(option: string, file: string): Promise<void> {
  const isFolder = await stat(file).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (isFolder) throw new InputError(`${option}: found the folder ${file}, expected the name of a file`);
  await access(dirname(resolve(file)), constants.W_OK).catch((cause: unknown) => {
    throw new InputError(`${option}: ${file} cannot be written: ${systemReason(cause, { writing: true })}`, {
      cause,
    });
  });
}
