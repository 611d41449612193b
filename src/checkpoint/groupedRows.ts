/**
 * Matrices of codes with a scale for each group of neighbours in a row, as sources of tensors hold them:
 *
 * - `weight`: rows of codes, one row after the other. Ternary ones (value + 1 in two bits) lie four to a byte, U8
 *   [rows, columns / 4], binary ones (a bit, set for +1) eight to a byte, U8 [rows, columns / 8], the first in the
 *   lowest bits; those of four bits, 0 to 15, two to a byte, U8 [rows, columns / 2]: byte k of 16 holds columns k (its lower
 *   half) and k + 16 of 32; int8 codes are I8 [rows, columns].
 * - `weight_scale`: F16 or F32 [rows, columns / group]. An entry is its code times the scale of its group.
 * - `weight_offset`, of int8 codes and those of four bits, if there is any: F32 [rows, columns / group], which is added to the entries of a group.
 *
 * How they lie in memory is the engines' matter: see src/ops/groupedLinear/packed.ts.
 */
import { InputError } from '../errors.ts';
import { show } from '../json.ts';
import { type Grouped, offsetName, type ParameterSpec, scaleName } from '../model/parameters.ts';
import { packHalves, unpackHalves } from '../ops/groupedLinear/packed.ts';
import { bitsOf, f16Number, f16ToF32, firstNonFinite } from './floats.ts';
import type { TensorInfo } from './safetensorsHeader.ts';
import { Scratch } from './scratch.ts';
import { chunkElements, expectTensor, type Report, type TensorSource, tensorLabel } from './tensorSource.ts';

type CodeType = Grouped['codes'];

export const codesPerByte = { ternary: 4, binary: 8, u4: 2, i8: 1 } as const;

/** Types of codes in U8. */
const narrow = ['ternary', 'binary', 'u4'] as const;

/** Sizes of groups that can be computed with. */
const groupSizes: readonly number[] = [16, 32, 64, 128, 256];

type Matrix = Pick<ParameterSpec, 'name' | 'shape'>;

/** Whether a source holds a matrix as codes with scales for groups: told by the two axes of its scales. */
export function isGrouped(source: TensorSource, name: string): boolean {
  const isCodes = ['U8', 'I8'].includes(source.tensors.get(name)?.dtype ?? '');
  return isCodes && source.tensors.get(scaleName(name))?.shape.length === 2;
}

/** @throws InputError unless codes and scales are those of a matrix of this shape */
export function groupedForm(source: TensorSource, { name, shape }: Matrix): Grouped {
  const [rows, columns] = shape as readonly [number, number];
  const info = expectTensor(source, name);
  const [found, width] = info.shape;
  const type =
    info.dtype === 'I8' ? 'i8' : (narrow.find((one) => width === columns / codesPerByte[one]) ?? 'ternary');
  const expected = [rows, columns / codesPerByte[type]];
  if (info.shape.length !== 2 || found !== rows || width !== expected[1]) {
    throw new InputError(
      `${tensorLabel(source, name)}: found ${info.dtype} of shape ${show(info.shape)}, expected shape ${show(expected)}`,
    );
  }
  const scales = expectTensor(source, scaleName(name));
  const group = columns / scales.shape[1]!;
  const where = tensorLabel(source, scaleName(name));
  const sizes = groupSizes.filter((size) => type !== 'u4' || size >= 32);
  if (scales.shape[0] !== rows || !sizes.includes(group)) {
    throw new InputError(
      `${where}: found shape ${show(scales.shape)}, expected [${rows}, ${columns} / group], a group being ${sizes.join(', ')}`,
    );
  }
  if (scales.dtype !== 'F16' && scales.dtype !== 'F32') {
    throw new InputError(`${where}: found type ${scales.dtype}, expected F16 or F32`);
  }
  const form = { codes: type, group, scales: scales.dtype === 'F16' ? 'f16' : 'f32' } as const;
  return hasOffsets(source, name) ? { ...form, offsets: expectOffsets(source, name, type, scales) } : form;
}

export function hasOffsets(source: TensorSource, name: string): boolean {
  return source.tensors.has(offsetName(name));
}

function expectOffsets(source: TensorSource, name: string, type: CodeType, { shape }: TensorInfo): 'f32' {
  const found = expectTensor(source, offsetName(name));
  if ((type === 'i8' || type === 'u4') && found.dtype === 'F32' && found.shape.join() === shape.join())
    return 'f32';
  throw new InputError(
    `${tensorLabel(source, offsetName(name))}: found ${found.dtype} of shape ${show(found.shape)} with ${type} codes, ` +
      `expected F32 of shape ${show(shape)} with codes of i8 or four bits`,
  );
}

export interface PackedRows {
  readonly firstRow: number;
  /** As they are stored; overwritten by the next. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Reads rows of codes as they are stored, some at a time. @throws InputError for an invalid code */
export async function* readPackedRows(
  source: TensorSource,
  { name, shape }: Matrix,
  type: CodeType,
  report: Report,
  scratch = new Scratch(),
): AsyncGenerator<PackedRows> {
  const [rows, columns] = shape as readonly [number, number];
  const rowBytes = columns / codesPerByte[type];
  const perChunk = Math.max(1, Math.floor(chunkElements / columns));
  for (let firstRow = 0; firstRow < rows; firstRow += perChunk) {
    const bytes = scratch.take(Math.min(perChunk, rows - firstRow) * rowBytes);
    await source.readInto(name, bytes, firstRow * rowBytes);
    if (type === 'ternary') refuseInvalid(bytes, `${tensorLabel(source, name)}: row ${firstRow}`);
    report(bytes.length);
    yield { firstRow, bytes };
  }
}

function refuseInvalid(bytes: Uint8Array, where: string): void {
  for (let k = 0; k < bytes.length; k++) {
    if ((bytes[k]! & (bytes[k]! >> 1) & 0b01010101) === 0) continue;
    throw new InputError(`${where}: byte ${k}: found code 3, expected codes 0, 1 and 2 (value + 1)`);
  }
}

/** Four codes for each byte, as one 32-bit word. */
const ternaryWords = Int32Array.from({ length: 256 }, (_, byte) =>
  word([0, 2, 4, 6].map((shift) => ((byte >> shift) & 3) - 1)),
);

const binaryWords = Int32Array.from({ length: 16 }, (_, bits) =>
  word([0, 1, 2, 3].map((bit) => 2 * ((bits >> bit) & 1) - 1)),
);

function word(codes: readonly number[]): number {
  return codes.reduce((sum, code, k) => sum | ((code & 255) << (8 * k)), 0);
}

const unpackRows = {
  u4(bytes: Uint8Array, codes: Int8Array): void {
    unpackHalves(bytes, 0, codes);
  },
  i8(bytes: Uint8Array, codes: Int8Array): void {
    codes.set(bytes);
  },
  ternary(bytes: Uint8Array, codes: Int8Array): void {
    const words = new Int32Array(codes.buffer);
    for (let k = 0; k < bytes.length; k++) words[k] = ternaryWords[bytes[k]!]!;
  },
  binary(bytes: Uint8Array, codes: Int8Array): void {
    const words = new Int32Array(codes.buffer);
    for (let k = 0; k < bytes.length; k++) {
      words[2 * k] = binaryWords[bytes[k]! & 15]!;
      words[2 * k + 1] = binaryWords[bytes[k]! >> 4]!;
    }
  },
};

export interface RowsOfCodes {
  readonly firstRow: number;
  /** [rows, columns]; overwritten by the next. */
  readonly codes: Int8Array<ArrayBuffer>;
}

/** Reads the codes, some whole rows at a time. @throws InputError for an invalid code */
export async function* readCodes(
  source: TensorSource,
  matrix: Matrix,
  type: CodeType,
  report: Report,
): AsyncGenerator<RowsOfCodes> {
  let codes = new Int8Array(0);
  for await (const { firstRow, bytes } of readPackedRows(source, matrix, type, report)) {
    const count = bytes.length * codesPerByte[type];
    if (codes.length < count) codes = new Int8Array(count);
    unpackRows[type](bytes, codes);
    yield { firstRow, codes: codes.subarray(0, count) };
  }
}

/**
 * Packs codes as sources hold them.
 * @param bytes where the rows are written; default: a new array
 * @returns the bytes of these rows
 */
export function packRowsOfCodes<T extends Uint8Array = Uint8Array<ArrayBuffer>>(
  codes: Int8Array,
  type: CodeType,
  bytes: T = new Uint8Array(codes.length / codesPerByte[type]) as T,
): T {
  const per = codesPerByte[type];
  if (type === 'u4') {
    packHalves(codes, bytes, 0);
    return bytes;
  }
  bytes.fill(0);
  const bits = 8 / per;
  const offset = type === 'ternary' ? 1 : 0;
  for (let k = 0; k < codes.length; k++) {
    const value = type === 'binary' ? (codes[k]! + 1) >> 1 : codes[k]! + offset;
    bytes[Math.floor(k / per)]! |= value << (bits * (k % per));
  }
  return bytes;
}

export interface ScaleRows {
  readonly firstRow: number;
  /** [rows, groups], f16 as bits; overwritten by the next. */
  readonly scales: Uint16Array | Float32Array;
}

const scaleChunkBytes = 2 ** 18;

/**
 * Reads the scales or the offsets of groups as they are stored, some whole rows at a time.
 * @param name of the tensor that holds them
 * @throws InputError for one that is not finite
 */
export async function* readScaleRows(
  source: TensorSource,
  name: string,
  report: Report,
  scratch = new Scratch(),
): AsyncGenerator<ScaleRows> {
  const { dtype, shape } = expectTensor(source, name);
  const [rows, groups] = shape as readonly [number, number];
  const Scales = dtype === 'F16' ? Uint16Array : Float32Array;
  const rowBytes = groups * Scales.BYTES_PER_ELEMENT;
  const perChunk = Math.max(1, Math.floor(scaleChunkBytes / rowBytes));
  for (let firstRow = 0; firstRow < rows; firstRow += perChunk) {
    const bytes = scratch.take(Math.min(perChunk, rows - firstRow) * rowBytes);
    await source.readInto(name, bytes, firstRow * rowBytes);
    const scales = new Scales(bytes.buffer, 0, bytes.length / Scales.BYTES_PER_ELEMENT);
    refuseNotFinite(scales, firstRow * groups, tensorLabel(source, name));
    report(bytes.length);
    yield { firstRow, scales };
  }
}

function refuseNotFinite(scales: Uint16Array | Float32Array, first: number, where: string): void {
  const isHalf = scales instanceof Uint16Array;
  const wrong = isHalf ? firstNonFinite(scales, 'F16') : firstNonFinite(bitsOf(scales), 'F32');
  if (wrong < 0) return;
  const found = isHalf ? f16Number(scales[wrong]!) : scales[wrong]!;
  throw new InputError(`${where}: element ${first + wrong}: found ${found}, expected a finite number`);
}

/** The scales or offsets [rows, groups] in the tensor `name`. @throws InputError for one that is not finite */
export async function readGroupScales(
  source: TensorSource,
  name: string,
  report: Report,
): Promise<Float32Array<ArrayBuffer>> {
  const { shape } = expectTensor(source, name);
  const all = new Float32Array(shape[0]! * shape[1]!);
  for await (const { firstRow, scales } of readScaleRows(source, name, report)) {
    const target = all.subarray(firstRow * shape[1]!).subarray(0, scales.length);
    if (scales instanceof Uint16Array) f16ToF32(scales, target);
    else target.set(scales);
  }
  return all;
}

/** Reads a matrix as floats, some rows at a time; a chunk is overwritten by the next. */
export async function* readGroupedFloats(
  source: TensorSource,
  matrix: Matrix,
  report: Report,
): AsyncGenerator<Float32Array<ArrayBuffer>> {
  const form = groupedForm(source, matrix);
  const { codes: type, group } = form;
  const columns = matrix.shape[1]!;
  const scales = await readGroupScales(source, scaleName(matrix.name), report);
  const offsets = form.offsets && (await readGroupScales(source, offsetName(matrix.name), report));
  let floats = new Float32Array(0);
  for await (const { firstRow, codes } of readCodes(source, matrix, type, report)) {
    if (floats.length < codes.length) floats = new Float32Array(codes.length);
    const first = (firstRow * columns) / group;
    for (let k = 0; k < codes.length; k++) {
      const at = first + Math.floor(k / group);
      floats[k] = codes[k]! * scales[at]! + (offsets ? offsets[at]! : -0);
    }
    yield floats.subarray(0, codes.length);
  }
}
