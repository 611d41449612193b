/** `SHA256SUMS`: the hash of each file of a model, in the format of the command `sha256sum`. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../errors.ts';
import { replaceFile } from '../text/replaceFile.ts';
import { isHashed, listName, parseChecksums } from './checksumList.ts';

/** Lists all files of a folder. */
export async function writeChecksums(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter(isHashed).sort();
  const lines = await Promise.all(
    names.map(async (name) => `${await hashOf(join(folder, name))}  ${name}\n`),
  );
  await replaceFile(join(folder, listName), lines.join(''));
}

/**
 * Checks that a folder holds exactly the files in its list, with their hashes.
 * @param advice what to do if it does not
 * @throws InputError naming the file
 */
export async function verifyChecksums(folder: string, advice: string): Promise<void> {
  const expected = parseChecksums(await readFile(join(folder, listName), 'utf8').catch(() => ''));
  if (expected.size === 0)
    throw new InputError(`${join(folder, listName)}: found no list of hashes; ${advice}`);
  const names = new Set([...expected.keys(), ...(await readdir(folder)).filter(isHashed)]);
  const hashes = await Promise.all(
    [...names].map(async (name) => [name, await hashOf(join(folder, name)).catch(() => 'no file')] as const),
  );
  for (const [name, found] of hashes) {
    if (found === expected.get(name)) continue;
    throw new InputError(
      `${join(folder, name)}: found SHA-256 ${found}, expected ${expected.get(name) ?? 'no such file'}; ${advice}`,
    );
  }
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(file)) hash.update(part as Buffer);
  return hash.digest('hex');
}
