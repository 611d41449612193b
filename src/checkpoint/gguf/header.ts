/**
 * The header of a GGUF file, versions 2 and 3: metadata by key, then name, dimensions, type and offset of each tensor.
 * The tensors' data follow at a multiple of the alignment.
 */
import type { ReadableFile } from '#platform';
import { InputError } from '../../errors.ts';
import { show } from '../../json.ts';
import { refuseNoWeights, startBytes } from '../../wrongFile.ts';
import { type Cursor, parseBeginning } from './cursor.ts';
import { Metadata, readValue } from './metadata.ts';
import {
  bytesOfTensor,
  earlierQ2,
  type GgufType,
  q2Type,
  supportedNames,
  typeLabel,
  typeOf,
} from './types.ts';

export interface GgufTensor {
  readonly type: GgufType;
  /** From the slowest index to the fastest, as everywhere but in GGUF. */
  readonly shape: readonly number[];
  /** First byte, counted from the start of the file. */
  readonly offset: number;
  readonly byteLength: number;
}

export interface GgufHeader {
  readonly metadata: Metadata;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
  /** The beginning of the file, of which arrays of the metadata are parts. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Vocabularies make up most of a header: a quarter of a million tokens with their merges take 15 MB. */
const maxHeaderBytes = 2 ** 28;
const maxKeys = 2 ** 16;
const maxTensors = 2 ** 17;
const maxDimensions = 4;
const maxAlignment = 2 ** 20;

/** @throws InputError naming the file, the key or tensor, what was found and what was expected */
export async function readHeader(file: ReadableFile, path: string): Promise<GgufHeader> {
  return parseBeginning(file, path, maxHeaderBytes, (cursor) => parseHeader(cursor, file.size, path));
}

function parseHeader(cursor: Cursor, fileBytes: number, path: string): GgufHeader {
  checkMagic(cursor, path);
  const tensorCount = cursor.u64();
  const keyCount = cursor.u64();
  expectCount(tensorCount, maxTensors, `${path}: tensors`);
  expectCount(keyCount, maxKeys, `${path}: metadata`);
  const metadata = parseMetadata(cursor, keyCount, path);
  const described = parseTensors(cursor, tensorCount, path);
  const alignment = alignmentOf(metadata);
  const dataStart = aligned(cursor.position, alignment);
  const tensors = placed(described, { dataStart, fileBytes, alignment }, path);
  return { metadata, tensors, bytes: cursor.bytes };
}

function checkMagic(cursor: Cursor, path: string): void {
  const start = cursor.bytes.subarray(0, startBytes);
  const isGguf = new TextDecoder('latin1').decode(start.subarray(0, 4)) === 'GGUF';
  if (!isGguf) {
    refuseNoWeights(start, path, 'a GGUF file');
    throw new InputError(`${path}: found no "GGUF" at its beginning, expected a GGUF file`);
  }
  cursor.skip(4);
  const version = cursor.u32();
  if (version === 2 || version === 3) return;
  const bigEndian = version === 0x02000000 || version === 0x03000000;
  const found = bigEndian ? 'a big-endian file' : `version ${version}`;
  throw new InputError(`${path}: found ${found}, expected GGUF version 2 or 3, little-endian`);
}

function expectCount(found: number, max: number, where: string): void {
  if (found <= max) return;
  throw new InputError(`${where}: found ${found}, expected at most ${max}; the file is damaged`);
}

function parseMetadata(cursor: Cursor, count: number, path: string): Metadata {
  const metadata = new Metadata(path);
  for (let k = 0; k < count; k++) {
    const key = textOf(cursor, `${path}: metadata key ${k}`);
    metadata.add(key, readValue(cursor, `${path}: metadata ${show(key)}`));
  }
  return metadata;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(cursor: Cursor, where: string): string {
  const bytes = cursor.counted();
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new InputError(`${where}: expected UTF-8 text`, { cause });
  }
}

function alignmentOf(metadata: Metadata): number {
  const alignment = metadata.integer('general.alignment', { absent: 32 });
  const isPower = alignment > 0 && alignment <= maxAlignment && (alignment & (alignment - 1)) === 0;
  if (isPower) return alignment;
  throw metadata.error('general.alignment', `a power of two of at most ${maxAlignment}`);
}

function aligned(position: number, alignment: number): number {
  return Math.ceil(position / alignment) * alignment;
}

/** What the header says of a tensor. */
interface Described {
  readonly name: string;
  readonly shape: readonly number[];
  readonly elements: number;
  readonly typeId: number;
  readonly offset: number;
}

function parseTensors(cursor: Cursor, count: number, path: string): Described[] {
  const tensors: Described[] = [];
  const names = new Set<string>();
  for (let k = 0; k < count; k++) {
    const tensor = parseTensor(cursor, `${path}: tensor ${k}`, path);
    if (names.has(tensor.name))
      throw new InputError(`${path}: found tensor ${show(tensor.name)} twice, expected it once`);
    names.add(tensor.name);
    tensors.push(tensor);
  }
  return tensors;
}

function parseTensor(cursor: Cursor, place: string, path: string): Described {
  const name = textOf(cursor, place);
  const where = `${path}: tensor ${show(name)}`;
  const rank = cursor.u32();
  if (rank === 0 || rank > maxDimensions)
    throw new InputError(`${where}: found ${rank} dimensions, expected 1 to ${maxDimensions}`);
  const dimensions = Array.from({ length: rank }, () => cursor.u64());
  const elements = dimensions.reduce((product, size) => product * size, 1);
  if (!Number.isSafeInteger(elements) || elements === 0)
    throw new InputError(`${where}: dimensions: found ${show(dimensions)}, expected sizes of 1 or more`);
  const typeId = cursor.u32();
  if (!typeOf(typeId))
    throw new InputError(
      `${where}: found ${typeLabel(typeId)}, which is not supported; expected ${supportedNames}`,
    );
  return { name, shape: dimensions.reverse(), elements, typeId, offset: cursor.u64() };
}

/** Where the data are. */
interface Data {
  readonly dataStart: number;
  readonly fileBytes: number;
  readonly alignment: number;
}

/**
 * Tensors follow one another without overlap or hole, up to the padding. The two layouts that share the number of Q2_0
 * differ in length, so that only one of them fits.
 */
function placed(tensors: readonly Described[], data: Data, path: string): ReadonlyMap<string, GgufTensor> {
  const later = layOut(tensors, data, path, typeOf(q2Type)!);
  if (!(later instanceof InputError)) return later;
  const earlier = tensors.some(({ typeId }) => typeId === q2Type)
    ? layOut(tensors, data, path, earlierQ2)
    : later;
  if (earlier instanceof InputError) throw later;
  return earlier;
}

/** On ARM, bitnet.cpp writes I2_S in blocks of 64; their bytes look the same: see armBlocks.ts. */
function armHint({ name }: GgufType): string {
  return name === 'I2_S' ? '; files written on ARM, in blocks of 64, are not supported' : '';
}

function layOut(
  tensors: readonly Described[],
  { dataStart, fileBytes, alignment }: Data,
  path: string,
  q2: GgufType,
): ReadonlyMap<string, GgufTensor> | InputError {
  const byName = new Map<string, GgufTensor>();
  let next = 0;
  for (const { name, shape, elements, typeId, offset } of tensors) {
    const type = typeId === q2Type ? q2 : typeOf(typeId)!;
    const where = `${path}: tensor ${show(name)}`;
    if (shape.at(-1)! % type.blockElements !== 0) {
      return new InputError(
        `${where}: found rows of ${shape.at(-1)} elements, expected a multiple of ${type.blockElements} for ${type.name}${armHint(type)}`,
      );
    }
    const byteLength = bytesOfTensor(type, elements);
    if (offset !== next)
      return new InputError(`${where}: found it at byte ${offset} of the data, expected ${next}`);
    if (dataStart + offset + byteLength > fileBytes) {
      return new InputError(
        `${where}: ends at byte ${dataStart + offset + byteLength}, but the file has ${fileBytes}; it is truncated`,
      );
    }
    byName.set(name, { type, shape, offset: dataStart + offset, byteLength });
    next = aligned(offset + byteLength, alignment);
  }
  return byName;
}
