/**
 * Cuts a Zstandard stream where its frames end (RFC 8878, section 3.1). `cat a.zst b.zst`, pzstd and seekable files
 * hold several frames, but Node's decompressor ignores whatever follows a frame within the same chunk. So each frame
 * must end with its chunk. Nothing is decompressed or checked here: the decompressor does both.
 */

/** Yields the same bytes, in chunks that end wherever a frame ends. */
export async function* cutAtFrames(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const walk = frames();
  let part = walk.next().value;
  let field: number[] = [];
  let left = part.bytes;
  for await (const chunk of chunks) {
    let start = 0;
    for (let at = 0; at < chunk.length; ) {
      const count = Math.min(left, chunk.length - at);
      if (part.isField) field.push(...chunk.subarray(at, at + count));
      at += count;
      left -= count;
      while (left === 0) {
        if (part.endsFrame && at > start) {
          yield chunk.subarray(start, at);
          start = at;
        }
        part = walk.next(field).value;
        left = part.bytes;
        field = [];
      }
    }
    if (start < chunk.length) yield chunk.subarray(start);
  }
}

/** The next bytes of the stream. */
interface Part {
  readonly bytes: number;
  /** Whether the walk needs them to continue. */
  readonly isField: boolean;
  readonly endsFrame: boolean;
}

const field = (bytes: number): Part => ({ bytes, isField: true, endsFrame: false });
const data = (bytes: number): Part => ({ bytes, isField: false, endsFrame: false });
const end: Part = { bytes: 0, isField: false, endsFrame: true };

type Walk = Generator<Part, void, readonly number[]>;

const magic = 0xfd2fb528;
/** The first of 16 magic numbers of frames without data. */
const skippableMagic = 0x184d2a50;

/** Walks over the parts of a stream: yields each, and receives the bytes of fields. */
function* frames(): Generator<Part, never, readonly number[]> {
  for (;;) {
    const found = littleEndian(yield field(4));
    if (found === magic) yield* frame();
    else if (found >= skippableMagic && found < skippableMagic + 16) yield data(littleEndian(yield field(4)));
    // Not Zstandard: the decompressor will say so.
    else yield data(Number.POSITIVE_INFINITY);
    yield end;
  }
}

/** A frame after its magic number. */
function* frame(): Walk {
  const [descriptor = 0] = yield field(1);
  const singleSegment = (descriptor & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!;
  const sizeBytes = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
  yield data((singleSegment ? 0 : 1) + dictionaryBytes + sizeBytes);
  for (let last = false; !last; ) {
    const header = littleEndian(yield field(3));
    last = (header & 1) === 1;
    const repeatsOneByte = ((header >> 1) & 3) === 1;
    yield data(repeatsOneByte ? 1 : header >>> 3);
  }
  if ((descriptor & 4) !== 0) yield data(4); // checksum
}

function littleEndian(bytes: readonly number[]): number {
  return bytes.reduceRight((sum, byte) => 256 * sum + byte, 0);
}
