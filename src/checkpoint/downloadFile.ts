/** Downloads one file over HTTP: resumes a partial download, and verifies size and hash before renaming. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import fs from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../errors.ts';
import { HubApiError } from './hubApi.ts';
import { onDisk } from './writeSafetensors.ts';

/** A file as the Hub lists it. */
export interface RemoteFile {
  readonly path: string;
  readonly url: string;
  readonly size: number;
  /** SHA-256 of the content, for large files. */
  readonly sha256?: string | undefined;
  /** Git blob hash of the content, for small files. */
  readonly gitBlob?: string | undefined;
}

export interface Connection {
  readonly fetch: typeof globalThis.fetch;
  readonly token: string | undefined;
}

/**
 * Downloads a file into `folder`, unless it exists. Until it is complete and verified it is named `<name>.partial`, and
 * the next call resumes it.
 * @param report receives byte counts as they arrive; may throw to stop
 * @throws InputError if size or hash are wrong (the file is then removed); HubApiError for a refused request
 */
export async function downloadFile(
  file: RemoteFile,
  folder: string,
  connection: Connection,
  report: (bytes: number) => void,
): Promise<void> {
  const path = join(folder, file.path);
  if (await isComplete(file, folder)) return report(file.size);
  const partial = `${path}.partial`;
  let begun = (await sizeOf(partial)) ?? 0;
  if (begun > file.size) {
    await fs.rm(partial);
    begun = 0;
  }
  report(begun);
  if (begun < file.size || file.size === 0) await fetchRest(file, partial, begun, connection, report);
  await verify(file, partial);
  await onDisk(path, () => fs.rename(partial, path));
}

/** Whether the file was downloaded earlier. */
export async function isComplete({ path, size }: RemoteFile, folder: string): Promise<boolean> {
  return (await sizeOf(join(folder, path))) === size;
}

/** Undefined if the file does not exist. */
async function sizeOf(path: string): Promise<number | undefined> {
  return (await fs.stat(path).catch(() => undefined))?.size;
}

async function fetchRest(
  { url, size, path }: RemoteFile,
  partial: string,
  begun: number,
  { fetch, token }: Connection,
  report: (bytes: number) => void,
): Promise<void> {
  const response = await fetch(url, {
    headers: {
      ...(begun > 0 ? { Range: `bytes=${begun}-` } : {}),
      ...(token ? { Authorization: `Bearer ${token}` } : {}),
    },
  });
  if (!response.ok) throw new HubApiError(url, response.status, response.statusText);
  const resumed = response.status === 206;
  if (begun > 0 && !resumed) report(-begun); // the server sends it all again
  const output = await onDisk(partial, () => fs.open(partial, resumed ? 'a' : 'w'));
  let length = resumed ? begun : 0;
  try {
    // Iterable in Node; the DOM's types do not know it.
    const body = response.body as unknown as AsyncIterable<Uint8Array> | null;
    for await (const chunk of body ?? []) {
      length += chunk.length;
      if (length > size) break;
      await onDisk(partial, () => output.writeFile(chunk));
      report(chunk.length);
    }
    await onDisk(partial, () => output.sync());
  } finally {
    await output.close();
  }
  if (length > size) {
    await fs.rm(partial);
    throw new InputError(`${url}: sends more than the ${size} bytes that the Hub lists for ${path}; removed`);
  }
  if (length < size) {
    throw new InputError(`${url}: ended after ${length} of ${size} bytes; run again to resume`);
  }
}

async function verify(file: RemoteFile, partial: string): Promise<void> {
  const expected = file.sha256 ?? file.gitBlob;
  if (expected === undefined) return;
  const hash = createHash(file.sha256 ? 'sha256' : 'sha1');
  if (!file.sha256) hash.update(`blob ${file.size}\0`);
  for await (const chunk of createReadStream(partial)) hash.update(chunk);
  const found = hash.digest('hex');
  if (found === expected) return;
  await fs.rm(partial);
  throw new InputError(
    `${file.url}: found hash ${found}, expected ${expected}; removed, run again to download it again`,
  );
}
