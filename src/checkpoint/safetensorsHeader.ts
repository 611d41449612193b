/**
 * The header of a safetensors file: 8 bytes of length (little-endian), then that many bytes of JSON, padded with spaces.
 * It lists each tensor's type, shape and place in the data that follow. No file access here.
 */
import { InputError } from '../errors.ts';
import { isObject, type JsonObject, parseJsonObject, show } from '../json.ts';

const elementBytes = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;

/** Names of element types in safetensors. */
export type StoredDType = keyof typeof elementBytes;

export interface TensorInfo {
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  readonly byteLength: number;
}

export interface PlacedTensor extends TensorInfo {
  /** First byte, counted from the start of the data. */
  readonly offset: number;
}

export interface Header {
  readonly tensors: ReadonlyMap<string, PlacedTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Maximum header length in bytes; the reference implementation has the same limit. */
export const maxHeaderBytes = 100_000_000;

export function bytesPerElement(dtype: StoredDType): number {
  return elementBytes[dtype];
}

/** Bytes of a tensor; NaN if the shape has more elements than can be counted exactly. */
export function storedBytes(dtype: StoredDType, shape: readonly number[]): number {
  let count = elementBytes[dtype] as number;
  for (const size of shape) {
    count *= size;
    if (!Number.isSafeInteger(count) || size < 0) return Number.NaN;
  }
  return count;
}

/**
 * Parses and checks a header.
 * @param json the header without its length field
 * @param dataBytes bytes of the file after the header; the tensors must fill them exactly
 * @throws InputError naming the file, the tensor and field, what was found and what was expected
 */
export function parseHeader(json: Uint8Array, dataBytes: number, path: string): Header {
  if (json[0] !== 0x7b)
    throw new InputError(`${path}: the header must begin with "{"; is it a safetensors file?`);
  const { __metadata__, ...fields } = parseJsonObject(json, `${path}: header`);
  const tensors = new Map<string, PlacedTensor>();
  for (const [name, field] of Object.entries(fields)) {
    tensors.set(name, parseTensor(field, dataBytes, `${path}: tensor ${show(name)}`));
  }
  checkLayout(tensors, dataBytes, path);
  return { tensors, metadata: parseMetadata(__metadata__, path) };
}

function parseMetadata(metadata: unknown, path: string): Record<string, string> {
  if (metadata === undefined) return {};
  if (!isObject(metadata)) {
    throw new InputError(`${path}: __metadata__: found ${show(metadata)}, expected an object of strings`);
  }
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value === 'string') continue;
    throw new InputError(`${path}: __metadata__ ${show(key)}: found ${show(value)}, expected a string`);
  }
  return metadata as Record<string, string>;
}

function parseTensor(field: unknown, dataBytes: number, where: string): PlacedTensor {
  if (!isObject(field)) {
    throw new InputError(`${where}: found ${show(field)}, expected {dtype, shape, data_offsets}`);
  }
  const dtype = parseDType(field, where);
  const shape = parseIntegers(field, 'shape', where);
  const offsets = parseIntegers(field, 'data_offsets', where);
  const [begin, end] = offsets;
  if (begin === undefined || end === undefined || offsets.length !== 2 || begin > end || end > dataBytes) {
    throw new InputError(
      `${where}: data_offsets: found ${show(offsets)}, expected [begin, end] with begin ≤ end ≤ ${dataBytes}, the bytes of data in the file`,
    );
  }
  const byteLength = storedBytes(dtype, shape);
  if (byteLength !== end - begin) {
    throw new InputError(
      `${where}: data_offsets ${show(offsets)} span ${end - begin} bytes, but ${dtype} ${show(shape)} takes ${byteLength}`,
    );
  }
  return { dtype, shape, byteLength, offset: begin };
}

function parseDType(field: JsonObject, where: string): StoredDType {
  const { dtype } = field;
  if (typeof dtype === 'string' && Object.hasOwn(elementBytes, dtype)) return dtype as StoredDType;
  const known = Object.keys(elementBytes).join(', ');
  throw new InputError(`${where}: dtype: found ${show(dtype)}, expected one of ${known}`);
}

function parseIntegers(field: JsonObject, key: 'shape' | 'data_offsets', where: string): number[] {
  const value = field[key];
  const valid = Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
  if (valid) return value;
  throw new InputError(`${where}: ${key}: found ${show(value)}, expected a list of integers ≥ 0`);
}

/** Tensors must follow one another without overlap or hole, because bytes that no tensor owns could hide anything. */
function checkLayout(tensors: ReadonlyMap<string, PlacedTensor>, dataBytes: number, path: string): void {
  const placed = [...tensors].sort(([, a], [, b]) => a.offset - b.offset || a.byteLength - b.byteLength);
  let end = 0;
  for (const [name, { offset, byteLength }] of placed) {
    if (offset !== end) {
      const fault = offset < end ? 'overlaps the tensor before it' : 'leaves a hole before it';
      throw new InputError(
        `${path}: tensor ${show(name)} begins at byte ${offset} and ${fault}; expected ${end}`,
      );
    }
    end += byteLength;
  }
  if (end !== dataBytes) {
    throw new InputError(
      `${path}: tensors end at byte ${end} of ${dataBytes} bytes of data; expected them to fill it`,
    );
  }
}

/** The bytes before the data: length field, JSON, and spaces up to a multiple of 8. */
export function formatHeader(
  tensors: Iterable<readonly [string, PlacedTensor]>,
  metadata: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const fields: [string, unknown][] = Object.keys(metadata).length > 0 ? [['__metadata__', metadata]] : [];
  for (const [name, { dtype, shape, offset, byteLength }] of tensors) {
    fields.push([name, { dtype, shape, data_offsets: [offset, offset + byteLength] }]);
  }
  // Pairs, not an object: an object would move names that look like integers to the front.
  const json = fields.map(([name, field]) => `${JSON.stringify(name)}:${JSON.stringify(field)}`).join(',');
  const text = new TextEncoder().encode(`{${json}}`);
  const header = new Uint8Array(8 + Math.ceil(text.length / 8) * 8).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(header.length - 8), true);
  header.set(text, 8);
  return header;
}
