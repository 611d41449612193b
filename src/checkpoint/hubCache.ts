/** The models that the cache of downloads holds: see hub.ts for its layout. */
import fs from 'node:fs/promises';
import { join } from 'node:path';
import { defaultCache } from './hubRepository.ts';

export interface CachedModel {
  /** The name that loads it: owner/name, or owner/name:file.gguf. */
  readonly name: string;
  readonly commit: string;
  readonly folder: string;
  readonly bytes: number;
  /** False while a download is incomplete. */
  readonly complete: boolean;
}

const folderName = /^([0-9a-f]{40})(?:--(.+?))?(\.partial)?$/;

/** Lists the models in a cache, by name. A cache that does not exist is empty. */
export async function listCached(cacheDir = defaultCache()): Promise<CachedModel[]> {
  const models: CachedModel[] = [];
  for (const home of await foldersIn(cacheDir)) {
    const [owner, ...rest] = home.split('--');
    if (!owner || rest.length === 0) continue;
    const id = `${owner}/${rest.join('--')}`;
    for (const name of await foldersIn(join(cacheDir, home))) {
      const [, commit, file, partial] = name.match(folderName) ?? [];
      if (!commit) continue;
      const folder = join(cacheDir, home, name);
      models.push({
        ...{ name: file === undefined ? id : `${id}:${file}.gguf`, commit, folder },
        ...{ bytes: await bytesOfFiles(folder), complete: partial === undefined },
      });
    }
  }
  return models.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * Removes a model from the cache: all its commits, and what is left of incomplete downloads.
 * @param name owner/name, for all that the repository has in the cache, or owner/name:file.gguf
 * @returns the models that were removed
 */
export async function removeCached(name: string, cacheDir = defaultCache()): Promise<CachedModel[]> {
  const found = (await listCached(cacheDir)).filter((one) => one.name === name || idOf(one.name) === name);
  for (const { folder } of found) await fs.rm(folder, { recursive: true, force: true });
  return found;
}

/** The GGUF file names of a repository that are in the cache, complete. */
export async function cachedFiles(id: string, cacheDir: string): Promise<string[]> {
  const models = (await listCached(cacheDir)).filter((one) => one.complete && idOf(one.name) === id);
  return models.flatMap(({ name }) => name.split(':')[1] ?? []);
}

function idOf(name: string): string {
  return name.split(':')[0] ?? name;
}

async function foldersIn(folder: string): Promise<string[]> {
  const entries = await fs.readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

async function bytesOfFiles(folder: string): Promise<number> {
  const names = await fs.readdir(folder).catch(() => []);
  const sizes = await Promise.all(names.map(async (name) => (await fs.stat(join(folder, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
