/** Rows of a GGUF tensor, as stored bytes, in the order of Hugging Face's checkpoints. */
import type { GgufFile } from './ggufFile.ts';

export interface Rows {
  readonly count: number;
  readonly columns: number;
  /** Bytes of a row. */
  readonly width: number;
  /** Rows [first, first + count), which lie at the beginning of a buffer of their own. */
  read(first: number, count: number): Promise<Uint8Array<ArrayBuffer>>;
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
  const stored = async (first: number, length: number) => {
    const bytes = new Uint8Array(length * width);
    await file.readInto(name, bytes, first * width);
    return bytes;
  };
  const read = headRows === undefined ? stored : reordered(stored, headRows, width);
  return { count, columns, width, read };
}

/** Reads whole heads and picks the rows. */
function reordered(stored: Rows['read'], headRows: number, width: number): Rows['read'] {
  return async (first, count) => {
    const firstHead = Math.floor(first / headRows);
    const heads = Math.ceil((first + count) / headRows) - firstHead;
    const bytes = await stored(firstHead * headRows, heads * headRows);
    const rows = new Uint8Array(count * width);
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

/** Bytes that are read at a time. */
const chunkBytes = 2 ** 22;

/**
 * Fills `target` with the bytes from `start` on of a tensor that is made row by row.
 * @param width bytes of a made row
 * @param make rows [first, first + count) in as many bytes as they have
 */
export async function fillFromRows(
  target: Uint8Array,
  start: number,
  width: number,
  make: (first: number, count: number) => Promise<Uint8Array>,
): Promise<void> {
  const step = Math.max(1, Math.floor(chunkBytes / width));
  const end = start + target.length;
  for (let row = Math.floor(start / width); row * width < end; row += step) {
    const count = Math.min(step, Math.ceil(end / width) - row);
    const made = await make(row, count);
    const from = Math.max(start, row * width);
    const until = Math.min(end, (row + count) * width);
    target.set(made.subarray(from - row * width, until - row * width), from - start);
  }
}
