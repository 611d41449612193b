/**
 * Writes GGUF files, version 3, the format of llama.cpp: a header of typed metadata and tensor descriptions, then the
 * tensors' bytes. Data are streamed, so that a file may be larger than memory.
 */
import { replaceFile } from '../../text/replaceFile.ts';
import { bytesOfTensor, type TypeName, typeIds, typeOf } from './types.ts';

export interface GgufTensor {
  readonly name: string;
  readonly type: TypeName;
  /** From the fastest index to the slowest: a matrix's columns come first. */
  readonly dimensions: readonly number[];
  /** `tensorBytes(this)` bytes in pieces of any size. */
  chunks(): Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/** @throws RangeError if the columns are not whole blocks, which ggml cannot hold */
export function tensorBytes({ name, type, dimensions }: Omit<GgufTensor, 'chunks'>): number {
  const layout = typeOf(typeIds[type])!;
  const { blockElements } = layout;
  if (dimensions[0]! % blockElements !== 0) {
    throw new RangeError(
      `tensor ${name}: found ${dimensions[0]} columns, ${type} expects a multiple of ${blockElements}`,
    );
  }
  return bytesOfTensor(
    layout,
    dimensions.reduce((product, size) => product * size, 1),
  );
}

/** A metadata value, encoded: its type's number and its bytes. Made by the functions below. */
export type GgufValue = readonly Uint8Array[];

export const u32 = (value: number): GgufValue => [integer32(4), integer32(value)];
export const flag = (value: boolean): GgufValue => [integer32(7), Uint8Array.of(value ? 1 : 0)];
export const f32 = (value: number): GgufValue => [integer32(6), bytesOf(Float32Array.of(value))];
export const text = (value: string): GgufValue => [integer32(8), ...counted(value)];
export const texts = (values: readonly string[]): GgufValue => [
  ...arrayHead(8, values.length),
  Buffer.concat(values.flatMap(counted)),
];
/** An array of i32 or f32. */
export const numbers = (values: Int32Array | Float32Array): GgufValue => [
  ...arrayHead(values instanceof Int32Array ? 5 : 6, values.length),
  bytesOf(values),
];

/** The file appears under its name when it is complete. */
export function writeGguf(
  path: string,
  metadata: Readonly<Record<string, GgufValue>>,
  tensors: readonly GgufTensor[],
): Promise<void> {
  return replaceFile(path, fileBytes(metadata, tensors));
}

async function* fileBytes(
  metadata: Readonly<Record<string, GgufValue>>,
  tensors: readonly GgufTensor[],
): AsyncGenerator<Uint8Array> {
  const head = header(metadata, tensors);
  yield head;
  yield padding(head.length);
  for (const tensor of tensors) {
    let written = 0;
    for await (const chunk of tensor.chunks()) {
      written += chunk.length;
      yield chunk;
    }
    const expected = tensorBytes(tensor);
    if (written !== expected)
      throw new RangeError(`tensor ${tensor.name}: found ${written} bytes, expected ${expected}`);
    yield padding(written);
  }
}

function header(metadata: Readonly<Record<string, GgufValue>>, tensors: readonly GgufTensor[]): Buffer {
  const entries = Object.entries(metadata);
  const parts: Uint8Array[] = [Buffer.from('GGUF'), integer32(3)];
  parts.push(integer64(tensors.length), integer64(entries.length));
  for (const [key, value] of entries) parts.push(...counted(key), ...value);
  let offset = 0;
  for (const tensor of tensors) {
    parts.push(...counted(tensor.name), integer32(tensor.dimensions.length));
    parts.push(...tensor.dimensions.map(integer64));
    parts.push(integer32(typeIds[tensor.type]), integer64(offset));
    const bytes = tensorBytes(tensor);
    offset += bytes + padding(bytes).length;
  }
  return Buffer.concat(parts);
}

/** Alignment of the data unless the header sets another. */
const alignment = 32;

function padding(bytes: number): Uint8Array {
  return new Uint8Array(-bytes & (alignment - 1));
}

function counted(value: string): [Uint8Array, Uint8Array] {
  const bytes = Buffer.from(value);
  return [integer64(bytes.length), bytes];
}

function arrayHead(elementType: number, length: number): GgufValue {
  return [integer32(9), integer32(elementType), integer64(length)];
}

function integer32(value: number): Uint8Array {
  return bytesOf(Uint32Array.of(value));
}

function integer64(value: number): Uint8Array {
  return bytesOf(BigUint64Array.of(BigInt(value)));
}

/** The format is little-endian, like the machines that Node runs on (except s390x). */
function bytesOf({ buffer, byteOffset, byteLength }: NodeJS.TypedArray): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
