/** The metadata of a GGUF file: typed values by key. Arrays stay as bytes until they are asked for. */
import { InputError } from '../../errors.ts';
import { show } from '../../json.ts';
import type { Cursor } from './cursor.ts';

/** GGUF's numbers for types of values. */
const TEXT = 8;
const ARRAY = 9;
const scalarBytes: Readonly<Record<number, number>> = {
  ...{ 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 },
};
const typeNames = [
  'u8',
  'i8',
  'u16',
  'i16',
  'u32',
  'i32',
  'f32',
  'bool',
  'text',
  'array',
  'u64',
  'i64',
  'f64',
];

/** An array as it lies in the file. */
class GgufArray {
  readonly type: number;
  readonly length: number;
  readonly bytes: Uint8Array<ArrayBuffer>;

  constructor(type: number, length: number, bytes: Uint8Array<ArrayBuffer>) {
    this.type = type;
    this.length = length;
    this.bytes = bytes;
  }
}

type Value = number | boolean | string | GgufArray;

/** @throws InputError for an unknown type, and arrays of arrays, which no model has */
export function readValue(cursor: Cursor, where: string): Value {
  const type = cursor.u32();
  if (type === TEXT) return lenientUtf8.decode(cursor.counted());
  if (type === ARRAY) return readArray(cursor, where);
  const width = scalarBytes[type];
  if (width === undefined) throw new InputError(`${where}: found the unknown type ${type} of a value`);
  const start = cursor.skip(width);
  return scalar(type, new DataView(cursor.bytes.buffer, cursor.bytes.byteOffset + start, width), 0);
}

/** Parts of characters, in tokens, must not end the reading of a file. */
const lenientUtf8 = new TextDecoder('utf-8', { ignoreBOM: true });

function readArray(cursor: Cursor, where: string): GgufArray {
  const type = cursor.u32();
  const length = cursor.u64();
  const start = cursor.position;
  const width = scalarBytes[type];
  if (width !== undefined) cursor.skip(length * width);
  else if (type === TEXT) for (let k = 0; k < length; k++) cursor.skip(cursor.u64());
  else
    throw new InputError(
      `${where}: found an array of type ${typeNames[type] ?? type}, expected numbers or texts`,
    );
  return new GgufArray(type, length, cursor.bytes.subarray(start, cursor.position));
}

function scalar(type: number, view: DataView, at: number): number | boolean {
  switch (type) {
    case 0:
      return view.getUint8(at);
    case 1:
      return view.getInt8(at);
    case 2:
      return view.getUint16(at, true);
    case 3:
      return view.getInt16(at, true);
    case 4:
      return view.getUint32(at, true);
    case 5:
      return view.getInt32(at, true);
    case 6:
      return view.getFloat32(at, true);
    case 7:
      return view.getUint8(at) !== 0;
    case 10:
      return Number(view.getBigUint64(at, true));
    case 11:
      return Number(view.getBigInt64(at, true));
    default:
      return view.getFloat64(at, true);
  }
}

export class Metadata {
  readonly #values = new Map<string, Value>();
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  add(key: string, value: Value): void {
    if (this.#values.has(key)) {
      throw new InputError(`${this.where(key)}: found it twice, expected it once`);
    }
    this.#values.set(key, value);
  }

  keys(): Iterable<string> {
    return this.#values.keys();
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  /** @param options.absent what a missing key means; without it the key must be there */
  integer(key: string, { absent }: { readonly absent?: number } = {}): number {
    const value = this.#values.get(key) ?? absent;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
    throw this.error(key, 'an integer of 0 or more');
  }

  number(key: string, { absent }: { readonly absent?: number } = {}): number {
    const value = this.#values.get(key) ?? absent;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw this.error(key, 'a finite number');
  }

  flag(key: string, { absent }: { readonly absent?: boolean } = {}): boolean {
    const value = this.#values.get(key) ?? absent;
    if (typeof value === 'boolean') return value;
    throw this.error(key, 'true or false');
  }

  text(key: string, { absent }: { readonly absent?: string } = {}): string {
    const value = this.#values.get(key) ?? absent;
    if (typeof value === 'string') return value;
    throw this.error(key, 'a text');
  }

  /**
   * Elements of an array; 0 if the value is none. Check it before you ask for them: in the file an element may take a
   * byte, in memory it takes many.
   */
  count(key: string): number {
    const value = this.#values.get(key);
    return value instanceof GgufArray ? value.length : 0;
  }

  /** The texts of an array. */
  texts(key: string): string[] {
    const value = this.#values.get(key);
    if (!(value instanceof GgufArray) || value.type !== TEXT) throw this.error(key, 'a list of texts');
    const { bytes, length } = value;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const texts: string[] = [];
    for (let at = 0; texts.length < length; ) {
      const start = at + 8;
      at = start + Number(view.getBigUint64(at, true));
      texts.push(lenientUtf8.decode(bytes.subarray(start, at)));
    }
    return texts;
  }

  /** The numbers of an array. */
  numbers(key: string): number[] {
    const value = this.#values.get(key);
    const width = value instanceof GgufArray ? scalarBytes[value.type] : undefined;
    if (!(value instanceof GgufArray) || width === undefined) throw this.error(key, 'a list of numbers');
    const view = new DataView(value.bytes.buffer, value.bytes.byteOffset, value.bytes.length);
    return Array.from({ length: value.length }, (_, k) => Number(scalar(value.type, view, k * width)));
  }

  /** Whether the value is zero, false, empty, or not there. */
  isUnset(key: string): boolean {
    const value = this.#values.get(key);
    return !value || (value instanceof GgufArray && value.length === 0);
  }

  /** What errors call a key. */
  where(key: string): string {
    return `${this.#path}: metadata ${show(key)}`;
  }

  error(key: string, expected: string): InputError {
    const value = this.#values.get(key);
    const found =
      value instanceof GgufArray ? `a list of ${value.length} (${typeNames[value.type]})` : show(value);
    return new InputError(`${this.where(key)}: found ${found}, expected ${expected}`);
  }
}
