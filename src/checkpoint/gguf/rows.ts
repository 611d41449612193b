/** Rows of a GGUF tensor, as stored bytes, in the order of Hugging Face's checkpoints. */

import type { Scratch } from '../scratch.ts';
import type { GgufFile } from './ggufFile.ts';

export interface Rows {
  readonly count: number;
  readonly columns: number;
  /** Bytes of a row. */
  readonly width: number;
  /** Rows [first, first + count), which lie at the beginning of a buffer. The next call overwrites them. */
  read(first: number, count: number): Promise<Uint8Array<ArrayBuffer>>;
  /** For what is made of the rows. */
  readonly scratch: Scratch;
}

/**
 * @param headRows rows of a head whose two halves are stored in turn, row i of one before row i of the other;
 *   undefined if the rows are stored in order
 */
export function rowsOf(file: GgufFile, name: string, headRows?: number): Rows {
  const { type, shape } = file.tensors.get(name)!;
  const columns = shape.length === 1 ? 1 : shape.at(-1)!;
  const count =
    shape.length === 1 ? shape[0]! : shape.slice(0, -1).reduce((product, size) => product * size, 1);
  const width = (columns / type.blockElements) * type.blockBytes;
  const { stored: storedBytes, ordered, made } = file.scratch;
  const stored = async (first: number, length: number) => {
    const bytes = storedBytes.take(length * width);
    await file.readInto(name, bytes, first * width);
    return bytes;
  };
  const read = headRows === undefined ? stored : reordered(stored, headRows, width, ordered);
  return { count, columns, width, read, scratch: made };
}

/** Reads whole heads and picks the rows. */
function reordered(stored: Rows['read'], headRows: number, width: number, scratch: Scratch): Rows['read'] {
  return async (first, count) => {
    const firstHead = Math.floor(first / headRows);
    const heads = Math.ceil((first + count) / headRows) - firstHead;
    const bytes = await stored(firstHead * headRows, heads * headRows);
    const rows = scratch.take(count * width);
    for (let k = 0; k < count; k++) {
      const within = (first + k) % headRows;
      const half = headRows / 2;
      const head = first + k - within - firstHead * headRows;
      const row = head + 2 * (within % half) + Math.floor(within / half);
      rows.set(bytes.subarray(row * width, (row + 1) * width), k * width);
    }
    return rows;
  };
}

/** Bytes that are read or made at a time. */
const chunkBytes = 2 ** 20;

/** How a tensor is made of the rows of a stored one. */
export interface MadeRows {
  /** Bytes of a made row. */
  readonly width: number;
  /** Bytes of the stored row that it is made of. */
  readonly storedWidth: number;
  /** Writes rows [first, first + count), which fill `target`. It begins at a multiple of 4 bytes in memory. */
  make(first: number, count: number, target: Uint8Array): Promise<void>;
}

/** Fills `target` with the bytes from `start` on of a tensor that is made row by row. */
export async function fillFromRows(target: Uint8Array, start: number, rows: MadeRows): Promise<void> {
  const { width } = rows;
  const step = Math.max(1, Math.floor(chunkBytes / Math.max(width, rows.storedWidth)));
  const end = start + target.length;
  for (let row = Math.floor(start / width); row * width < end; row += step) {
    const count = Math.min(step, Math.ceil(end / width) - row);
    const [first, last] = [row * width, (row + count) * width];
    const place = target.subarray(Math.max(first, start) - start, Math.min(last, end) - start);
    if (place.length === last - first && place.byteOffset % 4 === 0) {
      await rows.make(row, count, place);
      continue;
    }
    const made = new Uint8Array(last - first);
    await rows.make(row, count, made);
    place.set(made.subarray(Math.max(start - first, 0)).subarray(0, place.length));
  }
}
