/**
 * Messages over a byte stream between a rank and its launcher: a kind, then parts, each with its length.
 *
 *   kind u8 · number of parts u32 · length of each part f64 · parts
 */
import type { Readable, Writable } from 'node:stream';

export const kinds = {
  /** Each rank brings one part and receives those of all, by rank. */
  gather: 1,
  /** Each rank brings a part for each rank and receives those for it, by sender. */
  exchange: 2,
  /** The rank has done its work and may end. */
  leave: 3,
} as const;

export type Kind = (typeof kinds)[keyof typeof kinds];

export interface Message {
  readonly kind: number;
  readonly parts: readonly Uint8Array[];
}

const headBytes = 5;
const lengthBytes = 8;

/** The parts must stay as they are until they are sent. */
export function send(stream: Writable, { kind, parts }: Message): void {
  const head = new DataView(new ArrayBuffer(headBytes + lengthBytes * parts.length));
  head.setUint8(0, kind);
  head.setUint32(1, parts.length, true);
  parts.forEach(({ length }, index) => {
    head.setFloat64(headBytes + lengthBytes * index, length, true);
  });
  stream.write(new Uint8Array(head.buffer));
  for (const part of parts) if (part.length > 0) stream.write(part);
}

/** Messages until the stream ends. Each part has memory of its own. */
export async function* messages(stream: Readable): AsyncGenerator<Message> {
  const read = reader(stream);
  for (;;) {
    const head = await read(headBytes);
    if (!head) return;
    const view = new DataView(head.buffer);
    const lengths = await read(lengthBytes * view.getUint32(1, true));
    const parts: Uint8Array[] = [];
    for (const length of new Float64Array(lengths?.buffer ?? [])) {
      const part = await read(length);
      if (!part) return;
      parts.push(part);
    }
    yield { kind: view.getUint8(0), parts };
  }
}

/** Reads so many bytes at a time; `undefined` if the stream ends before. */
function reader(stream: Readable): (count: number) => Promise<Uint8Array<ArrayBuffer> | undefined> {
  const chunks: AsyncIterator<Uint8Array> = stream[Symbol.asyncIterator]();
  let chunk = new Uint8Array();
  return async (count) => {
    const bytes = new Uint8Array(count);
    for (let filled = 0; filled < count; ) {
      if (chunk.length === 0) {
        const next = await chunks.next();
        if (next.done) return undefined;
        chunk = new Uint8Array(
          next.value.buffer,
          next.value.byteOffset,
          next.value.byteLength,
        ) as typeof chunk;
      }
      const piece = chunk.subarray(0, count - filled);
      bytes.set(piece, filled);
      filled += piece.length;
      chunk = chunk.subarray(piece.length);
    }
    return bytes;
  };
}
