/**
 * Model files that the caller gives as bytes, `Blob` or `File`. They get a folder's name, so that whatever reads a
 * model folder reads them: `given:1/config.json`. Both platforms' `openFile` looks here first.
 */
import type { ReadableFile } from './readableFile.ts';

export type FileContent = Blob | Uint8Array;

const scheme = 'given:';
const folders = new Map<string, ReadonlyMap<string, FileContent>>();
let count = 0;

/** Names a folder of these files, until `remove` is called. */
export function giveFiles(files: ReadonlyMap<string, FileContent>): { folder: string; remove: () => void } {
  count += 1;
  const folder = `${scheme}${count}`;
  folders.set(folder, files);
  return { folder, remove: () => folders.delete(folder) };
}

export function isGiven(path: string): boolean {
  return path.startsWith(scheme);
}

/** Undefined if the folder has no such file. */
export function openGiven(path: string): ReadableFile | undefined {
  const [folder = '', name = '', within] = path.split(/[\\/]/);
  if (within !== undefined) return undefined;
  const content = folders.get(folder)?.get(name);
  return content === undefined
    ? undefined
    : content instanceof Uint8Array
      ? bytesFile(content)
      : blobFile(content);
}

export function bytesFile(bytes: Uint8Array): ReadableFile {
  return {
    size: bytes.length,
    async read(target, position) {
      const part = bytes.subarray(position, position + target.length);
      target.set(part);
      return part.length;
    },
    async close() {},
  };
}

/** Bytes that are copied at a time. */
const maxRead = 2 ** 25;

/** A blob can be read anywhere, and need not be in memory. */
export function blobFile(blob: Blob): ReadableFile {
  return {
    size: blob.size,
    async read(target, position) {
      const part = await blob.slice(position, position + Math.min(target.length, maxRead)).arrayBuffer();
      target.set(new Uint8Array(part));
      return part.byteLength;
    },
    async close() {},
  };
}
