/**
 * Repositories of the Hugging Face Hub, models and datasets: resolves revisions, lists files, and explains failures.
 */
import fs from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { InputError } from '../errors.ts';
import { replaceFile } from '../text/replaceFile.ts';
import type { RemoteFile } from './downloadFile.ts';
import { commitOf, HubApiError, treeOf } from './hubApi.ts';
import type { Progress } from './tensorSource.ts';
import { onDisk } from './writeSafetensors.ts';

export interface DownloadOptions {
  /** Branch, tag or commit. Default: main. */
  readonly revision?: string | undefined;
  /** Default: plusminus/ in $XDG_CACHE_HOME or ~/.cache. */
  readonly cacheDir?: string | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** For private and gated repositories. Default: $HF_TOKEN. */
  readonly token?: string | undefined;
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** Default: https://huggingface.co. */
  readonly hubUrl?: string | undefined;
}

/** A repository, and how to reach it. */
export interface Repository {
  readonly kind: 'model' | 'dataset';
  readonly id: string;
  /** Address of the repository: models are at the root of the Hub, datasets under `datasets/`. */
  readonly url: string;
  readonly hubUrl: string;
  readonly fetch: typeof globalThis.fetch;
  readonly token: string | undefined;
}

const isCommit = /^[0-9a-f]{40}$/;

export function defaultCache(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'plusminus');
}

/** @throws InputError if `id` is not a valid Hub name */
export function toRepository(kind: Repository['kind'], id: string, options: DownloadOptions): Repository {
  if (!/^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/.test(id)) {
    const example = kind === 'model' ? 'ridger/MMfreeLM-370M' : 'allenai/ai2_arc';
    throw new InputError(`${kind}: found "${id}", expected a Hub name such as "${example}"`);
  }
  const { signal, token = process.env.HF_TOKEN } = options;
  const hubUrl = (options.hubUrl ?? 'https://huggingface.co').replace(/\/+$/, '');
  const send = options.fetch ?? globalThis.fetch;
  const fetch: typeof globalThis.fetch = (url, init) => send(url, signal ? { ...init, signal } : init);
  const url = `${hubUrl}/${kind === 'dataset' ? 'datasets/' : ''}${id}`;
  return { kind, id, url, hubUrl, fetch, token: token || undefined };
}

/**
 * Resolves a revision to a commit: by the Hub, or from the cache if the Hub cannot be reached.
 * @param options.ending what the name of the cached folder has after the commit
 */
export async function resolveCommit(
  repository: Repository,
  revision: string,
  home: string,
  { ending = '', signal }: { readonly ending?: string; readonly signal?: AbortSignal | undefined },
): Promise<string> {
  if (isCommit.test(revision)) return revision;
  const remembered = join(home, 'refs', encodeURIComponent(revision).replaceAll('.', '%2E'));
  try {
    const sha = await commitOf(repository, revision);
    if (!isCommit.test(sha))
      throw new InputError(`${repository.id}: the Hub gave "${sha}" as commit of ${revision}`);
    await onDisk(remembered, async () => {
      await fs.mkdir(join(home, 'refs'), { recursive: true });
      await replaceFile(remembered, sha);
    });
    return sha;
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof InputError) throw error;
    if (isUnreachable(error)) {
      const commit = await fs.readFile(remembered, 'utf8').catch(() => '');
      if (isCommit.test(commit) && (await exists(join(home, commit + ending)))) return commit;
    }
    throw explain(error, repository, revision);
  }
}

/**
 * Lists the files of a commit for which `wanted` holds, in the Hub's order.
 * @throws InputError for an invalid listing; HubApiError
 */
export async function listRepositoryFiles(
  repository: Repository,
  commit: string,
  wanted: (path: string) => boolean,
): Promise<RemoteFile[]> {
  const { kind, id, url } = repository;
  const files: RemoteFile[] = [];
  for await (const file of treeOf(repository, commit, kind === 'dataset')) {
    const { path, size, oid, lfs } = file;
    if (file.type !== 'file' || !wanted(path)) continue;
    if (!isSize(size)) {
      throw new InputError(`${id}: ${path}: the Hub gave "${size}" as its size`);
    }
    const hash = lfs ? { sha256: lfs.oid } : oid ? { gitBlob: oid } : {};
    files.push({ path, size, url: `${url}/resolve/${commit}/${path}`, ...hash });
  }
  return files;
}

function isSize(size: unknown): size is number {
  return Number.isSafeInteger(size) && (size as number) >= 0;
}

export async function exists(path: string): Promise<boolean> {
  return (await fs.stat(path).catch(() => undefined)) !== undefined;
}

/** fetch reports every failure of the connection as a TypeError. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof TypeError || statusOf(error) >= 500;
}

function statusOf(error: unknown): number {
  return error instanceof HubApiError ? error.status : 0;
}

export function explain(
  error: unknown,
  { kind, id, url, hubUrl, token }: Repository,
  revision: string,
): InputError {
  const status = statusOf(error);
  const message = error instanceof Error ? error.message : String(error);
  const where = `${id} (revision ${revision}) on ${hubUrl}`;
  if (status === 401 || status === 403) {
    const remedy = token
      ? `the token has no access; ask for it on ${url}`
      : `if the name is right, the ${kind} is private or gated: set HF_TOKEN or pass a token`;
    return new InputError(`${where}: refused (${status}); ${remedy}`, { cause: error });
  }
  if (status === 404) {
    return new InputError(`${where}: not found (404); check the name and the revision`, { cause: error });
  }
  const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : '';
  return new InputError(
    `${where}: download failed: ${message}${cause}; run again to resume, or give a local folder`,
    { cause: error },
  );
}
