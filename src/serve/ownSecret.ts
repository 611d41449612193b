/** The secret of a server that stores sessions. */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import { join } from 'node:path';
import { partialName } from '../processMark.ts';

/** Stored sessions must be readable after a restart, so their secret is stored beside them. */
export async function ownSecret(sessions: string | undefined): Promise<Uint8Array> {
  if (sessions === undefined) return randomBytes(32);
  await fs.mkdir(sessions, { recursive: true, mode: 0o700 });
  const file = join(sessions, 'secret');
  const partial = partialName(file);
  await fs.writeFile(partial, randomBytes(32), { mode: 0o600, flush: true });
  try {
    await fs.link(partial, file); // complete or not at all, and never over an existing one
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await fs.rm(partial);
  }
  return fs.readFile(file);
}
