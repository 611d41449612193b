import { open, rename, rm } from 'node:fs/promises';
import { partialName, removePartials } from '../processMark.ts';

/**
 * Replaces a file atomically: readers find the old or the new content, never a part, even after a crash.
 * @param content the whole, or its pieces
 */
export async function replaceFile(
  file: string,
  content: string | Uint8Array | AsyncIterable<Uint8Array>,
): Promise<void> {
  await removePartials(file);
  const partial = partialName(file);
  try {
    const handle = await open(partial, 'w');
    try {
      await handle.writeFile(content);
      await handle.sync(); // the name must not reach the disk before the content
    } finally {
      await handle.close();
    }
    await rename(partial, file);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}
