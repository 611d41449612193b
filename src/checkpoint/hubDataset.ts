/**
 * Single files of datasets on the Hugging Face Hub, kept in the cache folder beside the models:
 *
 *     <cache>/datasets--<owner>--<name>/<commit>/<path>       files requested so far
 *     <cache>/datasets--<owner>--<name>/<commit>/.files.json  list of the commit's files, for use without a network
 */
import fs from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { InputError } from '../errors.ts';
import { replaceFile } from '../text/replaceFile.ts';
import { downloadFile, isComplete, type RemoteFile } from './downloadFile.ts';
import { exclusively } from './exclusively.ts';
import {
  type DownloadOptions,
  defaultCache,
  explain,
  isUnreachable,
  listRepositoryFiles,
  type Repository,
  resolveCommit,
  toRepository,
} from './hubRepository.ts';
import { onDisk } from './writeSafetensors.ts';

/** Accepts names that stay inside the folder, whatever the Hub lists. */
const isPlainPath = (path: string) =>
  path.split('/').every((part) => /^[\w][\w .+=@-]*$/.test(part)) && path.length < 1024;

/**
 * Downloads files of a dataset unless the cache has them.
 * @param choose selects from all paths of the dataset; may select none
 * @returns paths of the selected files, in order
 * @throws InputError if the dataset or revision does not exist, needs a token, or cannot be reached while the
 * cache lacks it; the signal's reason if it is aborted
 */
export async function downloadDatasetFiles(
  id: string,
  choose: (paths: readonly string[]) => readonly string[],
  options: DownloadOptions = {},
): Promise<string[]> {
  const { revision = 'main', cacheDir = defaultCache(), signal } = options;
  const repository = toRepository('dataset', id, options);
  const home = join(cacheDir, `datasets--${id.replace('/', '--')}`);
  const commit = await resolveCommit(repository, revision, home, { signal });
  const folder = join(home, commit);
  try {
    const files = await listing(repository, commit, folder);
    const chosen = choose(files.map(({ path }) => path)).map(
      (path) => files.find((file) => file.path === path)!,
    );
    const there = await Promise.all(chosen.map((file) => isComplete(file, folder)));
    if (there.includes(false)) {
      await exclusively(home, commit, () => download(chosen, folder, repository, options));
    }
    return chosen.map(({ path }) => join(folder, path));
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof InputError ? error : explain(error, repository, commit);
  }
}

async function download(
  files: readonly RemoteFile[],
  folder: string,
  repository: Repository,
  { signal, onProgress }: DownloadOptions,
): Promise<void> {
  const total = files.reduce((sum, { size }) => sum + size, 0);
  let loaded = 0;
  for (const file of files) {
    const parent = dirname(join(folder, file.path));
    await onDisk(parent, () => fs.mkdir(parent, { recursive: true }));
    await downloadFile(file, folder, repository, (bytes) => {
      signal?.throwIfAborted();
      loaded += bytes;
      onProgress?.({ loaded, total });
    });
  }
}

const stored = v.array(
  v.object({
    path: v.pipe(v.string(), v.check(isPlainPath)),
    url: v.string(),
    size: v.number(),
    sha256: v.optional(v.string()),
    gitBlob: v.optional(v.string()),
  }),
);

async function listing(
  repository: Repository,
  commit: string,
  folder: string,
): Promise<readonly RemoteFile[]> {
  const kept = join(folder, '.files.json');
  try {
    const files = await listRepositoryFiles(repository, commit, isPlainPath);
    await onDisk(kept, async () => {
      await fs.mkdir(folder, { recursive: true });
      await replaceFile(kept, JSON.stringify(files));
    });
    return files;
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    const text = await fs.readFile(kept, 'utf8').catch(() => undefined);
    const result = text === undefined ? undefined : v.safeParse(stored, tryJson(text));
    if (result?.success) return result.output;
    throw error;
  }
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
