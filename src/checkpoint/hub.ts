/**
 * Downloads models from the Hugging Face Hub to a cache folder. Interrupted downloads resume, files are verified by the
 * Hub's sizes and hashes, and a model folder appears only when it is complete.
 *
 *     <cache>/<owner>--<name>/<commit>/           a complete model folder
 *     <cache>/<owner>--<name>/<commit>.partial/   an incomplete one
 *     <cache>/<owner>--<name>/refs/<revision>     the commit of a branch or tag at the last request
 */
import fs from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../errors.ts';
import { adapterConfig } from './adapter.ts';
import { downloadFile, type RemoteFile } from './downloadFile.ts';
import { exclusively } from './exclusively.ts';
import {
  type DownloadOptions,
  defaultCache,
  exists,
  explain,
  listRepositoryFiles,
  type Repository,
  resolveCommit,
  toRepository,
} from './hubRepository.ts';
import { isTokenizerFile, isWeightFile } from './modelFiles.ts';
import { onDisk } from './writeSafetensors.ts';

export type { DownloadOptions } from './hubRepository.ts';

/**
 * Downloads a model unless it is cached. Without a network, uses the cached commit of the revision.
 * @param id owner/name, e.g. `ridger/MMfreeLM-370M`
 * @returns the path of a complete model folder
 * @throws InputError if the repository or revision does not exist, needs a token, contains no safetensors, is being
 * downloaded by another process, or is not cached and cannot be reached; the signal's reason if it is aborted
 */
export async function downloadModel(id: string, options: DownloadOptions = {}): Promise<string> {
  const { revision = 'main', cacheDir = defaultCache(), signal } = options;
  const repository = toRepository('model', id, options);
  const home = join(cacheDir, id.replace('/', '--'));
  const commit = await resolveCommit(repository, revision, home, signal);
  const folder = join(home, commit);
  if (await exists(folder)) return folder;
  await exclusively(home, commit, async () => {
    if (!(await exists(folder))) await fill(folder, repository, commit, options);
  });
  return folder;
}

async function fill(
  folder: string,
  repository: Repository,
  commit: string,
  options: DownloadOptions,
): Promise<void> {
  const { signal, onProgress } = options;
  const partial = `${folder}.partial`;
  try {
    const files = await listModelFiles(repository, commit);
    const total = files.reduce((sum, file) => sum + file.size, 0);
    await onDisk(partial, () => fs.mkdir(partial, { recursive: true }));
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
  const isWanted = (path: string) => isModelFile(path) || path === adapterConfig;
  const listed = await listRepositoryFiles(repository, commit, isWanted);
  const files = listed.filter(({ path }) => isModelFile(path));
  const names = files.map(({ path }) => path);
  if (!names.includes('config.json') || !names.some(isWeightFile)) {
    if (listed.length > files.length) {
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

function isModelFile(path: string): boolean {
  return path === 'config.json' || isTokenizerFile(path) || isWeightFile(path);
}
