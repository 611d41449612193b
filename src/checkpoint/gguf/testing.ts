/** What the tests of this folder share: GGUF files in memory. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../testing.ts';
import { typeOf } from './types.ts';

/** The golden files, by name. */
export function goldenGguf(name: string): string {
  return fileURLToPath(new URL(`../../../test/fixtures/golden/gguf/${name}/model.gguf`, import.meta.url));
}

/** A golden file's bytes. */
export async function goldenBytes(name: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await readFile(goldenGguf(name)));
}

/** Little-endian parts of a file. */
export const u32 = (value: number) => bytesOf(4, (view) => view.setUint32(0, value, true));
export const u64 = (value: number | bigint) =>
  bytesOf(8, (view) => view.setBigUint64(0, BigInt(value), true));
const f32 = (value: number) => bytesOf(4, (view) => view.setFloat32(0, value, true));
export const text = (value: string) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);

function bytesOf(length: number, write: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(length);
  write(new DataView(bytes.buffer));
  return bytes;
}

/** Whole numbers become u32, others f32; lists are of texts, or of i32. */
export type Plain =
  | number
  | string
  | boolean
  | readonly string[]
  | readonly number[]
  | { f32s: readonly number[] };

export function value(plain: Plain): Uint8Array {
  if (typeof plain === 'string') return Buffer.concat([u32(8), text(plain)]);
  if (typeof plain === 'boolean') return Buffer.concat([u32(7), Uint8Array.of(plain ? 1 : 0)]);
  if (typeof plain === 'number')
    return Buffer.concat(Number.isInteger(plain) ? [u32(4), u32(plain)] : [u32(6), f32(plain)]);
  if ('f32s' in plain) return list(6, plain.f32s.map(f32));
  return plain.every((one) => typeof one === 'string') && typeof plain[0] === 'string'
    ? list(
        8,
        plain.map((one) => text(one as string)),
      )
    : list(
        5,
        (plain as readonly number[]).map((one) => u32(one >>> 0)),
      );
}

function list(type: number, items: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat([u32(9), u32(type), u64(items.length), ...items]);
}

export interface PlainTensor {
  readonly name: string;
  /** Fastest first, as in the file. */
  readonly dimensions: readonly number[];
  readonly type: number;
  readonly data: Uint8Array;
}

/** A GGUF file; `offsets` replaces where the tensors are said to be. */
export function ggufBytes(
  metadata: Readonly<Record<string, Plain>>,
  tensors: readonly PlainTensor[] = [],
  offsets?: readonly number[],
): Uint8Array<ArrayBuffer> {
  const keys = Object.entries(metadata).map(([key, plain]) => Buffer.concat([text(key), value(plain)]));
  let offset = 0;
  const infos = tensors.map(({ name, dimensions, type, data }, k) => {
    const sizes = dimensions.map(u64);
    const info = [text(name), u32(dimensions.length), ...sizes, u32(type), u64(offsets?.[k] ?? offset)];
    offset += data.length + padding(data.length).length;
    return Buffer.concat(info);
  });
  const head = Buffer.concat([
    ...[Buffer.from('GGUF'), u32(3), u64(tensors.length), u64(keys.length), ...keys, ...infos],
  ]);
  const data = tensors.flatMap(({ data }) => [data, padding(data.length)]);
  return new Uint8Array(Buffer.concat([head, padding(head.length), ...data]));
}

function padding(bytes: number): Uint8Array {
  return new Uint8Array(-bytes & 31);
}

/** A tensor of zeros. */
export function zeros(name: string, dimensions: readonly number[], type = 0): PlainTensor {
  const {
    blockElements,
    blockBytes,
    trailingBytes = 0,
  } = typeOf(type) ?? { blockElements: 1, blockBytes: 4 };
  const elements = dimensions.reduce((product, size) => product * size, 1);
  const data = new Uint8Array((elements / blockElements) * blockBytes + trailingBytes);
  return { name, dimensions, type, data };
}

/** Writes a file that goes away after the test. */
export async function ggufFile(bytes: Uint8Array, name = 'model.gguf'): Promise<string> {
  const path = join(await temporaryFolder(), name);
  await writeFile(path, bytes);
  return path;
}

/** Keys of a Llama of width 8. */
export const smallLlama = {
  'general.architecture': 'llama',
  'llama.context_length': 64,
  'llama.embedding_length': 8,
  'llama.block_count': 1,
  'llama.feed_forward_length': 8,
  'llama.attention.head_count': 2,
  'llama.attention.layer_norm_rms_epsilon': 1e-5,
} as const;
