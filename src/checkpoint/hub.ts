/**
 * Downloads models from the Hugging Face Hub to a cache folder. Interrupted downloads resume, files are verified by the
 * Hub's sizes and hashes, and a model folder appears only when it is complete.
 *
 *     <cache>/<owner>--<name>/<commit>/           a complete model folder
 *     <cache>/<owner>--<name>/<commit>.partial/   an incomplete one
 *     <cache>/<owner>--<name>/<commit>--<file>/   one GGUF file of the repository, with its further parts
 *     <cache>/<owner>--<name>/refs/<revision>     the commit of a branch or tag at the last request
 */
import fs from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../errors.ts';
import { formatBytes } from '../format.ts';
import { ggufParts, isFirstGguf, isGguf } from '../platform/ggufPaths.ts';
import { adapterConfig } from './adapter.ts';
import { downloadFile, type RemoteFile } from './downloadFile.ts';
import { exclusively } from './exclusively.ts';
import { checkFreeSpace } from './freeSpace.ts';
import { commitOf } from './hubApi.ts';
import { cachedFiles } from './hubCache.ts';
import {
  type DownloadOptions,
  defaultCache,
  exists,
  explain,
  isUnreachable,
  listRepositoryFiles,
  type Repository,
  resolveCommit,
  toRepository,
} from './hubRepository.ts';
import { isTokenizerFile, isWeightFile } from './modelFiles.ts';
import { onDisk } from './writeSafetensors.ts';

export type { DownloadOptions } from './hubRepository.ts';

/** owner/name, or owner/name:file.gguf */
export const hubName = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*(:[\w-][\w.-]*\.gguf)?$/i;

/**
 * Downloads a model unless it is cached. Without a network, uses the cached commit of the revision.
 * @param name owner/name, e.g. `ridger/MMfreeLM-370M`, or one GGUF file of a repository, `owner/name:file.gguf`
 * @returns the path of a complete model folder, or of the GGUF file
 * @throws InputError if the repository or revision does not exist, needs a token, contains no safetensors, is being
 * downloaded by another process, or is not cached and cannot be reached; the signal's reason if it is aborted
 */
export async function downloadModel(name: string, options: DownloadOptions = {}): Promise<string> {
  const { revision = 'main', cacheDir = defaultCache(), signal } = options;
  const [id = '', file] = name.split(':');
  const repository = toRepository('model', id, options);
  const home = join(cacheDir, id.replace('/', '--'));
  const ending = file === undefined ? '' : `--${file.slice(0, -'.gguf'.length)}`;
  const commit = await resolveCommit(repository, revision, home, { ending, signal });
  const folder = join(home, commit + ending);
  const list = () =>
    file === undefined ? listModelFiles(repository, commit) : listGguf(repository, commit, file);
  if (!(await exists(folder))) {
    await exclusively(home, commit + ending, async () => {
      if (!(await exists(folder))) await fill(folder, repository, commit, list, options);
    });
  }
  return file === undefined ? folder : join(folder, file);
}

/**
 * The name `owner/name:file.gguf` of the GGUF file of a repository whose name matches; without a network, of the one in
 * the cache.
 * @throws InputError if none or several match, and as `downloadModel` does
 */
export async function nameOfFile(id: string, file: RegExp, options: DownloadOptions = {}): Promise<string> {
  const { revision = 'main', cacheDir = defaultCache(), signal } = options;
  const repository = toRepository('model', id, options);
  let names: string[];
  try {
    const listed = await listRepositoryFiles(repository, await commitOf(repository, revision), isGguf);
    names = choicesOf(listed).map(({ path }) => path);
  } catch (error) {
    signal?.throwIfAborted();
    names = isUnreachable(error) ? await cachedFiles(id, cacheDir) : [];
    if (names.length === 0) throw error instanceof InputError ? error : explain(error, repository, revision);
  }
  const found = names.filter((name) => file.test(name));
  if (found.length === 1) return `${id}:${found[0]}`;
  throw new InputError(
    `${id}: found ${names.join(', ') || 'no GGUF file'}, expected one file that matches ${file}; ` +
      `name one: "${id}:${found[0] ?? names[0] ?? 'file.gguf'}"`,
  );
}

async function fill(
  folder: string,
  repository: Repository,
  commit: string,
  list: () => Promise<RemoteFile[]>,
  options: DownloadOptions,
): Promise<void> {
  const { signal, onProgress } = options;
  const partial = `${folder}.partial`;
  try {
    const files = await list();
    const total = files.reduce((sum, file) => sum + file.size, 0);
    await onDisk(partial, () => fs.mkdir(partial, { recursive: true }));
    await checkFreeSpace(files, partial);
    let loaded = 0;
    for (const file of files) {
      await downloadFile(file, partial, repository, (bytes) => {
        signal?.throwIfAborted();
        loaded += bytes;
        onProgress?.({ loaded, total });
      });
    }
    await onDisk(folder, () => fs.rename(partial, folder));
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof InputError ? error : explain(error, repository, commit);
  }
}

async function listModelFiles(repository: Repository, commit: string): Promise<RemoteFile[]> {
  const { id } = repository;
  const isWanted = (path: string) => isModelFile(path) || path === adapterConfig || isGguf(path);
  const listed = await listRepositoryFiles(repository, commit, isWanted);
  const files = listed.filter(({ path }) => isModelFile(path));
  const names = files.map(({ path }) => path);
  if (!names.includes('config.json') || !names.some(isWeightFile)) {
    refuseToChoose(id, listed);
    if (listed.some(({ path }) => path === adapterConfig)) {
      throw new InputError(
        `${id}: holds an adapter (${adapterConfig}), expected a whole model; merge it into its base model with PEFT`,
      );
    }
    throw new InputError(
      `${id}: holds ${names.join(', ') || 'no model files'}; expected config.json and model.safetensors or its shards (pickled weights are not loaded)`,
    );
  }
  // If a model exists both as one file and as shards, download the file only.
  return names.includes('model.safetensors')
    ? files.filter(({ path }) => path === 'model.safetensors' || !isWeightFile(path))
    : files;
}

/** A repository of GGUF files has several, of which the user must name one. */
function refuseToChoose(id: string, listed: readonly RemoteFile[]): void {
  const choices = choicesOf(listed);
  if (choices.length === 0) return;
  const sizes = choices.map(({ path, size }) => `${path} (${formatBytes(size)})`);
  throw new InputError(
    `${id}: holds ${choices.length === 1 ? 'the GGUF file' : 'the GGUF files'} ${sizes.join(', ')}; ` +
      `expected the name of one: "${id}:${choices[0]!.path}"`,
  );
}

function choicesOf(listed: readonly RemoteFile[]): readonly RemoteFile[] {
  return listed.filter(({ path }) => isFirstGguf(path));
}

/** A GGUF file, and its further parts if it was split. */
async function listGguf(repository: Repository, commit: string, file: string): Promise<RemoteFile[]> {
  const listed = await listRepositoryFiles(repository, commit, isGguf);
  const names = ggufParts(file);
  const found = listed.filter(({ path }) => names.includes(path));
  if (found.length === names.length) return found;
  const missing = names.filter((name) => !found.some(({ path }) => path === name));
  const choices = choicesOf(listed).map(({ path }) => path);
  throw new InputError(
    `${repository.id}: found no file ${missing[0]}, expected one of ${choices.join(', ') || 'its GGUF files; it has none'}`,
  );
}

function isModelFile(path: string): boolean {
  return path === 'config.json' || isTokenizerFile(path) || isWeightFile(path);
}
