/**
 * Models from the Hugging Face Hub, kept in a cache folder. A download that was cut off goes on where it
 * stopped; what arrives is compared with the size and hash that the Hub gives; a model folder appears whole.
 *
 *     <cache>/<owner>--<name>/<commit>/           a complete model folder
 *     <cache>/<owner>--<name>/<commit>.partial/   one on its way
 *     <cache>/<owner>--<name>/refs/<revision>     the commit that a branch or tag meant when last asked
 */
import fs from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { HubApiError, listFiles, modelInfo } from '@huggingface/hub';
import { InputError } from '../errors.ts';
import { downloadFile, type RemoteFile } from './downloadFile.ts';
import { isTokenizerFile, isWeightFile } from './modelFiles.ts';
import type { Progress } from './tensorSource.ts';
import { onDisk } from './writeSafetensors.ts';

export interface DownloadOptions {
  /** Branch, tag or commit. Default: main. */
  readonly revision?: string | undefined;
  /** Default: plusminus/ in $XDG_CACHE_HOME or ~/.cache. */
  readonly cacheDir?: string | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** For private and gated models. Default: $HF_TOKEN. */
  readonly token?: string | undefined;
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** Default: https://huggingface.co. */
  readonly hubUrl?: string | undefined;
}

/** What talking about one repository takes. */
interface Repository {
  readonly id: string;
  readonly hubUrl: string;
  readonly fetch: typeof globalThis.fetch;
  readonly token: string | undefined;
}

const isCommit = /^[0-9a-f]{40}$/;

/**
 * Downloads a model unless the cache has it. Without a network, what the cache last had for the revision is used.
 * @param id owner/name, e.g. `ridger/MMfreeLM-370M`
 * @returns the path of a complete model folder
 * @throws InputError if the repository or revision does not exist, needs a token, holds no safetensors, or
 * cannot be reached while the cache lacks it; the signal's reason if it is aborted
 */
export async function downloadModel(id: string, options: DownloadOptions = {}): Promise<string> {
  if (!/^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/.test(id)) {
    throw new InputError(`model: found "${id}", expected a Hub name such as "ridger/MMfreeLM-370M"`);
  }
  const { revision = 'main', cacheDir = defaultCache(), signal } = options;
  const home = join(cacheDir, id.replace('/', '--'));
  const repository = toRepository(id, options);
  const commit = await resolveCommit(repository, revision, home, signal);
  const folder = join(home, commit);
  if (!(await exists(folder))) await fill(folder, repository, commit, options);
  return folder;
}

function defaultCache(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'plusminus');
}

function toRepository(id: string, options: DownloadOptions): Repository {
  const { signal, token = process.env.HF_TOKEN, hubUrl = 'https://huggingface.co' } = options;
  const send = options.fetch ?? globalThis.fetch;
  const fetch: typeof globalThis.fetch = (url, init) => send(url, signal ? { ...init, signal } : init);
  return { id, hubUrl: hubUrl.replace(/\/+$/, ''), fetch, token: token || undefined };
}

/** The commit that a revision means: asked of the Hub, or remembered where the Hub cannot be reached. */
async function resolveCommit(
  repository: Repository,
  revision: string,
  home: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  if (isCommit.test(revision)) return revision;
  const remembered = join(home, 'refs', encodeURIComponent(revision).replaceAll('.', '%2E'));
  try {
    const { id: name, hubUrl, fetch, token } = repository;
    const { sha } = await modelInfo({
      name,
      revision,
      hubUrl,
      fetch,
      additionalFields: ['sha'],
      ...(token ? { accessToken: token } : {}),
    });
    if (!isCommit.test(sha)) throw new InputError(`${name}: the Hub gave "${sha}" as commit of ${revision}`);
    await onDisk(remembered, async () => {
      await fs.mkdir(join(home, 'refs'), { recursive: true });
      await fs.writeFile(remembered, sha);
    });
    return sha;
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof InputError) throw error;
    if (isUnreachable(error)) {
      const commit = await fs.readFile(remembered, 'utf8').catch(() => '');
      if (isCommit.test(commit) && (await exists(join(home, commit)))) return commit;
    }
    throw explain(error, repository, revision);
  }
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
    // Another process may have been first; its folder is as good.
    await fs.rename(partial, folder).catch(async (error) => {
      if (!(await exists(folder))) throw error;
    });
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof InputError ? error : explain(error, repository, commit);
  }
}

async function listModelFiles(repository: Repository, commit: string): Promise<RemoteFile[]> {
  const { id, hubUrl, fetch, token } = repository;
  const files: RemoteFile[] = [];
  const credentials = token ? { accessToken: token } : {};
  for await (const file of listFiles({ repo: id, revision: commit, hubUrl, fetch, ...credentials })) {
    const { path, size, oid, lfs } = file;
    if (file.type !== 'file' || !isModelFile(path)) continue;
    if (!Number.isSafeInteger(size) || size < 0) {
      throw new InputError(`${id}: ${path}: the Hub gave "${size}" as its size`);
    }
    const hash = lfs ? { sha256: lfs.oid } : oid ? { gitBlob: oid } : {};
    files.push({ path, size, url: `${hubUrl}/${id}/resolve/${commit}/${path}`, ...hash });
  }
  const names = files.map(({ path }) => path);
  if (!names.includes('config.json') || !names.some(isWeightFile)) {
    throw new InputError(
      `${id}: holds ${names.join(', ') || 'no model files'}; expected config.json and model.safetensors or its shards (pickled weights are not loaded)`,
    );
  }
  // A model exported twice, as one file and as shards, is needed once.
  return names.includes('model.safetensors')
    ? files.filter(({ path }) => path === 'model.safetensors' || !isWeightFile(path))
    : files;
}

function isModelFile(path: string): boolean {
  return path === 'config.json' || isTokenizerFile(path) || isWeightFile(path);
}

async function exists(path: string): Promise<boolean> {
  return (await fs.stat(path).catch(() => undefined)) !== undefined;
}

/** fetch reports every failure of the connection as a TypeError. */
function isUnreachable(error: unknown): boolean {
  return (error instanceof TypeError && !error.message.includes('token')) || statusOf(error) >= 500;
}

function statusOf(error: unknown): number {
  return error instanceof HubApiError ? error.statusCode : 0;
}

function explain(error: unknown, { id, hubUrl, token }: Repository, revision: string): InputError {
  const status = statusOf(error);
  const message = error instanceof Error ? error.message : String(error);
  const where = `${id} (revision ${revision}) on ${hubUrl}`;
  if (status === 401 || status === 403) {
    const remedy = token
      ? `the token has no access; ask for it on ${hubUrl}/${id}`
      : 'if the name is right, the model is private or gated: set HF_TOKEN or pass a token';
    return new InputError(`${where}: refused (${status}); ${remedy}`, { cause: error });
  }
  if (status === 404) {
    return new InputError(`${where}: not found (404); check the name and the revision`, { cause: error });
  }
  const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : '';
  return new InputError(
    `${where}: download failed: ${message}${cause}; run again to go on where it stopped, or give a local folder`,
    { cause: error },
  );
}
