/**
 * Model files in a browser, kept so that a model loads again without a network: answers in Cache Storage, the content of
 * large ones in files (keptFiles.ts). A kept file is used until the server reports another version.
 */
import type { Progress } from '../checkpoint/tensorSource.ts';
import { InputError } from '../errors.ts';
import { checkHash, isExpected } from './expectedHashes.ts';
import { deleteFile, type FileSink, fileNameOf, keptFile, openSink } from './keptFiles.ts';

const cacheName = 'plusminus-models';

/** Files of at least so many bytes are kept as files. */
const minFileBytes = 2 ** 17;

/** The header of a kept answer that names the file of its content, and the one with the file's size. */
export const fileHeader = 'plusminus-file';
export const sizeHeader = 'plusminus-size';

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
    const found = await contentOf(kept);
    if (found && (await isExpected(address, found.blob))) return remember(address, found.blob);
  }
  return remember(address, await download(address, cache, options));
}

function remember(address: string, blob: Blob | undefined): Blob | undefined {
  if (blob) opened.set(address, blob);
  return blob;
}

/**
 * What is kept: a file, or that there is none, because that cannot be checked without a network. Undefined if the content
 * is gone.
 */
async function contentOf(kept: Response): Promise<{ readonly blob: Blob | undefined } | undefined> {
  if (!kept.ok) return { blob: undefined };
  const name = kept.headers.get(fileHeader);
  if (name === null) return { blob: await kept.blob() };
  const blob = await keptFile(name);
  return blob?.size === Number(kept.headers.get(sizeHeader)) ? { blob } : undefined;
}

/** The files of this folder are compared with the server's again when they are next asked for. */
export function reopenFolder(folder: string): void {
  for (const address of opened.keys()) if (address.startsWith(`${folder}/`)) opened.delete(address);
}

/** Absent in pages without https, in some private windows, and where site data is blocked. */
export async function openCache(): Promise<Cache | undefined> {
  try {
    return await globalThis.caches?.open(cacheName);
  } catch {
    return undefined;
  }
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
    await deleteFile(await fileNameOf(address));
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
  const { blob, file } = await received(response, earlier, address, cache, { signal, onProgress });
  await cache?.delete(partOf(address)).catch(() => false);
  await checkHash(address, blob);
  await keepContent(cache, address, { blob, file }, telling(headers(response, blob)));
  return blob;
}

/** The content of an answer, and the name of its file if it is in one. */
interface Content {
  readonly blob: Blob;
  readonly file: string | undefined;
}

function keepContent(
  cache: Cache | undefined,
  address: string,
  { blob, file }: Content,
  headers: Headers,
): Promise<void> {
  if (file === undefined) return keep(cache, address, new Response(blob, { headers }));
  headers.set(fileHeader, file);
  headers.set(sizeHeader, String(blob.size));
  return keep(cache, address, new Response(null, { headers }));
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
): Promise<Content> {
  // The length of what was compressed on the way says nothing about what comes out.
  const encoded = response.headers.has('content-encoding');
  const length = encoded ? 0 : Number(response.headers.get('content-length') ?? 0);
  let loaded = earlier.size;
  const total = loaded + length;
  const target = await Target.open(cache && address, earlier, total);
  try {
    for (const reader = response.body!.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      await target.write(value);
      loaded += value.length;
      onProgress?.({ loaded, total: Math.max(total, loaded) });
    }
    return await target.end();
  } catch (cause) {
    const content = await target.end();
    const version = response.headers.get('etag') ?? response.headers.get('last-modified');
    if (version !== null && !encoded && !version.startsWith('W/')) {
      await keepContent(cache, partOf(address), content, new Headers({ 'plusminus-version': version }));
    }
    if (signal?.aborted) throw cause;
    const amount = total > 0 ? ` of ${total}` : '';
    if ((cause as Error).name === 'QuotaExceededError')
      throw new InputError(
        `${address}: the browser has room for ${loaded}${amount} bytes; delete a model that it keeps, or free some space`,
        { cause },
      );
    throw new InputError(`${address}: the connection broke after ${loaded}${amount} bytes; try again`, {
      cause,
    });
  }
}

/** Where a download goes: a file if it is large and the browser has room for one, else memory. */
class Target {
  readonly #chunks: (Blob | Uint8Array<ArrayBuffer>)[] = [];
  readonly #sink: FileSink | undefined;
  readonly #file: string | undefined;

  private constructor(sink: FileSink | undefined, file: string | undefined) {
    this.#sink = sink;
    this.#file = file;
  }

  /** @param address undefined if nothing is kept */
  static async open(address: string | undefined, earlier: Blob, total: number): Promise<Target> {
    if (address !== undefined && total >= minFileBytes && globalThis.crypto?.subtle) {
      const file = await fileNameOf(address);
      // The beginning that is kept lies in this very file, unless it was kept before there was one.
      const begun = (await keptFile(file))?.size === earlier.size ? earlier.size : 0;
      const sink = await openSink(file, begun, total - begun);
      if (sink) {
        const target = new Target(sink, file);
        if (begun < earlier.size) await target.write(new Uint8Array(await earlier.arrayBuffer()));
        return target;
      }
    }
    const target = new Target(undefined, undefined);
    target.#chunks.push(earlier);
    return target;
  }

  async write(chunk: Uint8Array<ArrayBuffer>): Promise<void> {
    if (this.#sink) await this.#sink.write(chunk);
    else this.#chunks.push(chunk);
  }

  /** What was written so far. */
  async end(): Promise<Content> {
    await this.#sink?.close();
    const file = this.#file;
    const blob = file === undefined ? undefined : await keptFile(file);
    return blob ? { blob, file } : { blob: new Blob(this.#chunks), file: undefined };
  }
}

/** Where the beginning of a file is kept whose download broke. */
function partOf(address: string): string {
  return `${address}${address.includes('?') ? '&' : '?'}plusminus-part`;
}

async function beginningOf(cache: Cache | undefined, address: string) {
  const kept = await cache?.match(partOf(address));
  const version = kept?.headers.get('plusminus-version');
  const blob = kept && (await contentOf(kept))?.blob;
  return blob && version ? { blob, version } : undefined;
}

/** A full cache is not a failure: the model is fetched again next time. */
async function keep(cache: Cache | undefined, address: string, response: Response): Promise<void> {
  await cache?.put(address, response).catch(() => {});
}

/** Some servers of single pages send that page, with status 200, for whatever they do not have. */
function isMissing({ status, headers }: Response): boolean {
  return status === 404 || status === 410 || (headers.get('content-type') ?? '').startsWith('text/html');
}
