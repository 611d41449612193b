/**
 * Model files in a browser, kept in Cache Storage, so that a model loads again without a network. A cached file is used
 * until the server reports another version.
 */
import type { Progress } from '../checkpoint/tensorSource.ts';
import { InputError } from '../errors.ts';
import { checkHash, isExpected } from './expectedHashes.ts';

const cacheName = 'plusminus-models';

export interface FetchOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** Files opened for one load stay the same until the next load: a checkpoint's parts must match. */
const opened = new Map<string, Blob>();

/**
 * The file at an address; undefined if there is none.
 * @throws InputError if the server refuses, cannot be reached while nothing is kept, or sends a file with a wrong hash; the
 *   signal's reason if it is aborted
 */
export async function fetchModelFile(address: string, options: FetchOptions = {}): Promise<Blob | undefined> {
  const known = opened.get(address);
  if (known) return known;
  const cache = await openCache();
  const kept = await cache?.match(address);
  if (kept && (await isCurrent(kept, address, options))) {
    const blob = await blobOf(kept);
    if (await isExpected(address, blob)) return remember(address, blob);
  }
  return remember(address, await download(address, cache, options));
}

function remember(address: string, blob: Blob | undefined): Blob | undefined {
  if (blob) opened.set(address, blob);
  return blob;
}

/** Absence is cached too, because it cannot be checked without a network. */
async function blobOf(kept: Response): Promise<Blob | undefined> {
  return kept.ok ? kept.blob() : undefined;
}

/** The files of this folder are compared with the server's again when they are next asked for. */
export function reopenFolder(folder: string): void {
  for (const address of opened.keys()) if (address.startsWith(`${folder}/`)) opened.delete(address);
}

/** Absent in pages without https, and in some private windows. */
async function openCache(): Promise<Cache | undefined> {
  return globalThis.caches?.open(cacheName).catch(() => undefined);
}

/** Headers that distinguish versions of a file, where the server sends them. */
function telling(headers: Headers): Headers {
  const length = headers.has('content-encoding') ? [] : ['content-length']; // of the file, not of what was sent
  const names = ['etag', 'last-modified', ...length];
  return new Headers([...headers].filter(([name]) => names.includes(name)));
}

async function isCurrent(kept: Response, address: string, { signal }: FetchOptions): Promise<boolean> {
  try {
    const response = await fetch(address, { method: 'HEAD', cache: 'no-cache', signal: signal ?? null });
    if (isMissing(response)) return !kept.ok;
    if (!response.ok) return response.status >= 500 || response.status === 405;
    if (!kept.ok) return false;
    const now = telling(response.headers);
    return [...now].every(([field, value]) => (kept.headers.get(field) ?? value) === value);
  } catch (error) {
    if (signal?.aborted) throw error;
    return true; // without a network the cached file is used
  }
}

async function download(
  address: string,
  cache: Cache | undefined,
  { signal, onProgress }: FetchOptions,
): Promise<Blob | undefined> {
  const begun = await beginningOf(cache, address);
  const response = await fetch(address, {
    ...{ cache: 'no-cache', signal: signal ?? null },
    headers: begun ? { range: `bytes=${begun.blob.size}-`, 'if-range': begun.version } : {},
  }).catch((cause: unknown) => {
    if (signal?.aborted) throw cause;
    const reason = cause instanceof Error ? cause.message : cause;
    throw new InputError(`${address}: cannot be reached (${reason}), and is not kept from before`, { cause });
  });
  if (response.status === 416 && begun) {
    // The kept beginning fits no file that the server has.
    await cache?.delete(partOf(address));
    return download(address, cache, { signal, onProgress });
  }
  if (isMissing(response)) {
    await response.body?.cancel();
    await checkHash(address, undefined);
    await keep(cache, address, new Response(null, { status: 404 }));
    return undefined;
  }
  if (!response.ok) {
    throw new InputError(
      `${address}: found status ${response.status} ${response.statusText}, expected a file`,
    );
  }
  const earlier = response.status === 206 && begun ? begun.blob : new Blob();
  const blob = await received(response, earlier, address, cache, { signal, onProgress });
  await cache?.delete(partOf(address)).catch(() => false);
  await checkHash(address, blob);
  await keep(cache, address, new Response(blob, { headers: telling(headers(response, blob)) }));
  return blob;
}

/** Of a part, the length is that of the part. */
function headers({ status, headers }: Response, { size }: Blob): Headers {
  const all = new Headers(headers);
  if (status === 206) all.set('content-length', String(size));
  return all;
}

/** The whole file; what arrived of it is kept if the connection breaks, so that the next attempt continues there. */
async function received(
  response: Response,
  earlier: Blob,
  address: string,
  cache: Cache | undefined,
  { signal, onProgress }: FetchOptions,
): Promise<Blob> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  // The length of what was compressed on the way says nothing about what comes out.
  const encoded = response.headers.has('content-encoding');
  const length = encoded ? 0 : Number(response.headers.get('content-length') ?? 0);
  let loaded = earlier.size;
  const total = loaded + length;
  try {
    for (const reader = response.body!.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
      loaded += value.length;
      onProgress?.({ loaded, total: Math.max(total, loaded) });
    }
    return new Blob([earlier, ...chunks]);
  } catch (cause) {
    const version = response.headers.get('etag') ?? response.headers.get('last-modified');
    if (version !== null && !encoded && !version.startsWith('W/')) {
      const part = new Response(new Blob([earlier, ...chunks]), {
        headers: { 'plusminus-version': version },
      });
      await keep(cache, partOf(address), part);
    }
    if (signal?.aborted) throw cause;
    const amount = total > 0 ? ` of ${total}` : '';
    throw new InputError(`${address}: the connection broke after ${loaded}${amount} bytes; try again`, {
      cause,
    });
  }
}

/** Where the beginning of a file is kept whose download broke. */
function partOf(address: string): string {
  return `${address}${address.includes('?') ? '&' : '?'}plusminus-part`;
}

async function beginningOf(cache: Cache | undefined, address: string) {
  const kept = await cache?.match(partOf(address));
  const version = kept?.headers.get('plusminus-version');
  return kept && version ? { blob: await kept.blob(), version } : undefined;
}

/** A full cache is not a failure: the model is fetched again next time. */
async function keep(cache: Cache | undefined, address: string, response: Response): Promise<void> {
  await cache?.put(address, response).catch(() => {});
}

/** Some servers of single pages send that page, with status 200, for whatever they do not have. */
function isMissing({ status, headers }: Response): boolean {
  return status === 404 || status === 410 || (headers.get('content-type') ?? '').startsWith('text/html');
}
