import fs from 'node:fs/promises';
import { join } from 'node:path';

/** The files in a folder, without those in its folders. */
export async function folderFiles(folder: string): Promise<{ name: string; bytes: number }[]> {
  const entries = await fs.readdir(folder, { withFileTypes: true });
  const files = entries.filter((entry) => !entry.isDirectory());
  return Promise.all(
    files.map(async ({ name }) => ({ name, bytes: (await fs.stat(join(folder, name))).size })),
  );
}
