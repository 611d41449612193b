/**
 * A file at an address, of which only the parts that are needed are fetched: GGUF files of many gigabytes whose beginning
 * says where the rest is. For Node; a page keeps files in its cache (browserCache.ts).
 */
import { InputError } from '../errors.ts';
import type { ReadableFile } from './readableFile.ts';

/** How often a request that breaks off is repeated, each for what is missing. */
const attempts = 4;

/** Bytes at the beginning of a file that are kept: a header is read by each of those who need it. */
const keptBytes = 2 ** 24;

interface Remote {
  readonly address: string;
  readonly size: number;
  /** What tells versions of the file apart, where the server says. */
  readonly version: string | undefined;
  /** The beginning of the file, as far as it was read. */
  beginning: Uint8Array<ArrayBuffer>;
}

/** The file that was opened last. */
let latest: WeakRef<Remote> | undefined;

export function isAddress(path: string): boolean {
  return /^https?:\/\//i.test(path);
}

/**
 * Opens a file at an address; undefined if the server has none.
 * @throws InputError if the server cannot be reached, refuses, or does not send parts of files
 */
export async function openRange(address: string): Promise<ReadableFile | undefined> {
  const found = await probe(address);
  if (!found) return undefined;
  const known = latest?.deref();
  const isKnown = known?.address === address && known.size === found.size && known.version === found.version;
  const remote = isKnown && known.version !== undefined ? known : found;
  latest = new WeakRef(remote);
  return {
    size: remote.size,
    read: (target, position) => readPart(remote, target, position),
    async close() {},
  };
}

/** Asks for the first byte: the answer says how long the file is. */
async function probe(address: string): Promise<Remote | undefined> {
  const response = await request(address, 0, 1);
  await response.body?.cancel();
  if (response.status === 404 || response.status === 410) return undefined;
  const { size } = checkAnswer(response, address, 0, 1);
  return { address, size, version: versionOf(response), beginning: new Uint8Array() };
}

async function readPart(remote: Remote, target: Uint8Array, position: number): Promise<number> {
  const length = Math.min(target.length, remote.size - position);
  if (length <= 0) return 0;
  const kept = remote.beginning.subarray(position, position + length);
  if (kept.length > 0) {
    target.set(kept);
    return kept.length;
  }
  await fetchInto(remote, target.subarray(0, length), position);
  if (position === remote.beginning.length && position + length <= keptBytes) {
    const longer = new Uint8Array(position + length);
    longer.set(remote.beginning);
    longer.set(target.subarray(0, length), position);
    remote.beginning = longer;
  }
  return length;
}

/** Fetches a part, and again what is missing of it where the connection breaks. */
async function fetchInto(remote: Remote, target: Uint8Array, position: number): Promise<void> {
  let done = 0;
  for (let attempt = 1; done < target.length; attempt++) {
    try {
      const response = await request(remote.address, position + done, target.length - done);
      const { size } = checkAnswer(response, remote.address, position + done, target.length - done);
      if (size !== remote.size || versionOf(response) !== remote.version) {
        throw new InputError(`${remote.address}: changed while it was read; load the model again`);
      }
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        if (chunk.length > target.length - done)
          throw refusal(remote.address, 'more bytes than were asked for');
        target.set(chunk, done);
        done += chunk.length;
      }
      if (done < target.length) throw new TypeError(`ended after ${done} of ${target.length} bytes`);
    } catch (error) {
      if (error instanceof InputError || attempt === attempts) throw explained(error, remote.address);
    }
  }
}

async function request(address: string, start: number, length: number): Promise<Response> {
  try {
    return await fetch(address, {
      // Compressed answers have other bytes at these places.
      headers: { range: `bytes=${start}-${start + length - 1}`, 'accept-encoding': 'identity' },
    });
  } catch (error) {
    throw explained(error, address);
  }
}

/** The whole size that an answer names, whose part must be the one that was asked for. */
function checkAnswer(response: Response, address: string, start: number, length: number): { size: number } {
  if (response.status === 200) {
    throw refusal(address, 'a server that sends whole files only');
  }
  if (response.status !== 206)
    throw refusal(address, `status ${response.status} ${response.statusText}`.trimEnd());
  const range = response.headers.get('content-range') ?? '';
  const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(range) ?? [];
  const size = Number(total);
  const end = Math.min(start + length, size) - 1;
  if (Number(first) === start && Number(last) === end && Number.isSafeInteger(size)) return { size };
  throw refusal(address, `content-range "${range}" for bytes ${start} to ${start + length - 1}`);
}

function versionOf({ headers }: Response): string | undefined {
  return headers.get('etag') ?? headers.get('last-modified') ?? undefined;
}

function refusal(address: string, found: string): InputError {
  return new InputError(
    `${address}: found ${found}, expected the part of the file that was asked for; download the file and name its path`,
  );
}

function explained(error: unknown, address: string): InputError {
  if (error instanceof InputError) return error;
  const { message, cause } = error as Error;
  const reason = cause instanceof Error ? `${message}: ${cause.message}` : message;
  return new InputError(`${address}: cannot be read (${reason})`, { cause: error });
}
