/**
 * Large files of a page's models, in the private file system of its origin (OPFS). A download is written there as it
 * arrives, so that it is never in memory as a whole. Where a browser has no such file system, everything here says so, and
 * files stay in Cache Storage.
 */

const folderName = 'plusminus-models';

/** Takes the parts of a file in order. */
export interface FileSink {
  write(chunk: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Ends writing; what was written stays. */
  close(): Promise<void>;
}

/** The name of the file of an address. */
export async function fileNameOf(address: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(address));
  return Array.from(new Uint8Array(digest).subarray(0, 16), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}

/** Undefined if there is no such file. */
export async function keptFile(name: string): Promise<File | undefined> {
  try {
    const handle = await (await openFolder())?.getFileHandle(name);
    return await handle?.getFile();
  } catch {
    return undefined;
  }
}

/**
 * Opens a file to write from byte `start` on, which cuts off what it has from there. Undefined if the browser does not
 * offer that, or has less room than `length` bytes, or another tab is writing the file.
 */
export async function openSink(name: string, start: number, length: number): Promise<FileSink | undefined> {
  const { quota, usage } = (await navigator.storage?.estimate?.().catch(() => undefined)) ?? {};
  if (quota !== undefined && quota - (usage ?? 0) < length) return undefined;
  try {
    const handle = await (await openFolder())?.getFileHandle(name, { create: true });
    return handle && ((await syncSink(handle, start)) ?? (await streamSink(handle, start)));
  } catch {
    return undefined;
  }
}

export async function deleteFile(name: string): Promise<void> {
  await (await openFolder())?.removeEntry(name).catch(() => {});
}

/** Workers write in place. The types of a worker are not those of a page. */
interface SyncAccess {
  truncate(bytes: number): void;
  write(chunk: Uint8Array, at: { readonly at: number }): number;
  flush(): void;
  close(): void;
}

async function syncSink(handle: FileSystemFileHandle, start: number): Promise<FileSink | undefined> {
  const { createSyncAccessHandle } = handle as { createSyncAccessHandle?(): Promise<SyncAccess> };
  if (!createSyncAccessHandle) return undefined;
  const access = await createSyncAccessHandle.call(handle);
  access.truncate(start);
  let at = start;
  return {
    async write(chunk) {
      at += access.write(chunk, { at });
    },
    async close() {
      access.flush();
      access.close();
    },
  };
}

/** Elsewhere the browser writes a copy, which replaces the file when it is closed. */
async function streamSink(handle: FileSystemFileHandle, start: number): Promise<FileSink | undefined> {
  if (!('createWritable' in handle)) return undefined;
  const stream = await handle.createWritable({ keepExistingData: start > 0 });
  await stream.truncate(start);
  await stream.seek(start);
  return { write: (chunk) => stream.write(chunk), close: () => stream.close() };
}

async function openFolder(): Promise<FileSystemDirectoryHandle | undefined> {
  if (!globalThis.crypto?.subtle) return undefined; // pages without https
  try {
    const root = await navigator.storage.getDirectory();
    return await root.getDirectoryHandle(folderName, { create: true });
  } catch {
    return undefined;
  }
}
