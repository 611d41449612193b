/**
 * Checks model files against the list `SHA256SUMS` of their folder, in a browser. A folder without a list is not
 * checked, and neither is anything in a page without https, which has no WebCrypto.
 */
import { isHashed, listName, parseChecksums } from '../checkpoint/checksumList.ts';
import { InputError } from '../errors.ts';

/** By address of the folder, then by file. */
const lists = new Map<string, Map<string, string>>();

/** WebCrypto hashes whole buffers only: larger files would take their size in memory once more, and are not checked. */
const maxBytes = 2 ** 30;

/** Sets the list that the files of a folder are checked against from now on; undefined: none. */
export async function expectHashes(folder: string, list: Blob | undefined): Promise<void> {
  lists.delete(folder);
  const hashes = list && parseChecksums(await list.text());
  if (hashes && hashes.size > 0 && globalThis.crypto?.subtle) lists.set(folder, hashes);
}

/** Whether a file is as its folder's list says; `blob` is undefined if the file does not exist. */
export async function isExpected(address: string, blob: Blob | undefined): Promise<boolean> {
  return (await mismatch(address, blob)) === undefined;
}

/** @throws InputError if a file is not as its folder's list says */
export async function checkHash(address: string, blob: Blob | undefined): Promise<void> {
  const wrong = await mismatch(address, blob);
  if (wrong)
    throw new InputError(
      `${address}: found ${wrong.found}, expected ${wrong.expected} (${listName}); the file was damaged, or files of ` +
        'two versions are mixed: load it again, or upload the whole folder again',
    );
}

async function mismatch(address: string, blob: Blob | undefined) {
  const end = address.lastIndexOf('/');
  const [folder, name] = [address.slice(0, end), address.slice(end + 1)];
  const list = lists.get(folder);
  if (!list || !isHashed(name) || (blob?.size ?? 0) > maxBytes) return undefined;
  const found = blob ? `SHA-256 ${await hashOf(blob)}` : 'no file';
  const listed = list.get(name);
  const expected = listed ? `SHA-256 ${listed}` : 'no file';
  return found === expected ? undefined : { found, expected };
}

async function hashOf(blob: Blob): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', await blob.arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
