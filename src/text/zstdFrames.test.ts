import { Readable } from 'node:stream';
import { createZstdDecompress, zstdCompressSync } from 'node:zlib';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { cutAtFrames } from './zstdFrames.ts';

const frame = (text: string) => zstdCompressSync(Buffer.from(text));

function skippable(bytes: number, kind = 0): Buffer {
  const head = Buffer.alloc(8 + bytes, 0xee);
  head.writeUInt32LE(0x184d2a50 + kind);
  head.writeUInt32LE(bytes, 4);
  return head;
}

/** What the decompressor makes of bytes that arrive in chunks of `size`. */
async function unpack(bytes: Buffer, size: number): Promise<string> {
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  const parts: Buffer[] = [];
  for await (const part of Readable.from(cutAtFrames(chunks())).pipe(createZstdDecompress()))
    parts.push(part);
  return Buffer.concat(parts).toString();
}

const texts = fc.array(
  fc.oneof(fc.string(), fc.constant(''), fc.constant('a'.repeat(300_000)), fc.string({ size: 'large' })),
  { minLength: 1, maxLength: 6 },
);

test('all frames are read, with skippable ones anywhere and chunks of any size', async () => {
  await fc.assert(
    fc.asyncProperty(texts, fc.integer({ min: 1, max: 300 }), fc.nat(15), async (parts, size, kind) => {
      const file = Buffer.concat(parts.flatMap((text, k) => [skippable(k, kind), frame(text), skippable(0)]));
      expect(await unpack(file, size)).toBe(parts.join(''));
    }),
    { numRuns: 60, seed: 8878 },
  );
});

// A pipe does not hand errors on; a file read by readText does, see corpus.test.ts.
test('chunks end where frames end, and hold the same bytes', async () => {
  const parts = [frame('one'), skippable(5), frame('two'), Buffer.from('no frame at all')];
  const found: Buffer[] = [];
  async function* whole() {
    yield Buffer.concat(parts);
  }
  for await (const chunk of cutAtFrames(whole())) found.push(Buffer.from(chunk));
  expect(found).toEqual(parts);
});
