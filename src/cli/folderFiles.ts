import fs from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ggufParts, isGguf } from '../platform/ggufPaths.ts';

/** The files in a model folder, without those in its folders; of a GGUF file its parts, of one at an address none. */
export async function folderFiles(folder: string): Promise<{ name: string; bytes: number }[]> {
  const paths = isGguf(folder) ? ggufParts(folder) : await filesIn(folder);
  const sizes = await Promise.all(paths.map((path) => fs.stat(path).catch(() => undefined)));
  return paths.flatMap((path, k) => (sizes[k] ? [{ name: basename(path), bytes: sizes[k].size }] : []));
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await fs.readdir(folder, { withFileTypes: true });
  return entries.filter((entry) => !entry.isDirectory()).map(({ name }) => join(folder, name));
}
