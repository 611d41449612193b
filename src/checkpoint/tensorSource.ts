/** Reads tensors of any float type as f32, in chunks, from any source. */
import { InputError } from '../errors.ts';
import { show } from '../json.ts';
import { scaleName } from '../model/parameters.ts';
import { bf16ToF32, f16ToF32 } from './floats.ts';
import { checkPacked, expandTernary } from './packing.ts';
import { unpackRowsInt8 } from './packingRows.ts';
import { bytesPerElement, type StoredDType, type TensorInfo } from './safetensorsHeader.ts';

/** What is done with the scale of a packed matrix to get its outputs. */
export type PackedScale = 'multiplies' | 'divides';

/** The number in a file whose packed scales have this meaning, of a scale that multiplies; and the other way round. */
export function storedScale(scale: number, meaning: PackedScale | undefined): number {
  return meaning === 'divides' ? Math.fround(1 / scale) : scale;
}

/** A source of tensors: files of a folder, ranged requests, memory. */
export interface TensorSource {
  /** Name for errors, e.g. the folder. */
  readonly location: string;
  /** The meaning of packed matrices' scales. Default: they multiply. */
  readonly packedScale?: PackedScale;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** Fills `target` with the tensor's bytes from byte `start` (default 0) on. */
  readInto(name: string, target: Uint8Array, start?: number): Promise<void>;
}

/** An open file of weights. */
export interface WeightFile {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** Fills `target` with the tensor's bytes from byte `start` (default 0) on. */
  readInto(name: string, target: Uint8Array, start?: number): Promise<void>;
  close(): Promise<void>;
}

export type FloatDType = 'F32' | 'F16' | 'BF16';

/** Called after each read with its bytes; may throw to stop. */
export type Report = (bytes: number) => void;

export interface Progress {
  readonly loaded: number;
  readonly total: number;
}

/** Number of elements converted at a time (4 MiB of f32). */
export const chunkElements = 2 ** 20;

export function isFloat(dtype: StoredDType): dtype is FloatDType {
  return dtype === 'F32' || dtype === 'F16' || dtype === 'BF16';
}

/** Returns a report that sums bytes for `onProgress`, and throws once `signal` is aborted. */
export function progressReport(
  total: number,
  onProgress: ((progress: Progress) => void) | undefined,
  signal: AbortSignal | undefined,
): Report {
  signal?.throwIfAborted();
  let loaded = 0;
  return (bytes) => {
    signal?.throwIfAborted();
    loaded += bytes;
    onProgress?.({ loaded, total });
  };
}

/** Elements [first, first + count) of a float tensor as f32. The next call overwrites the array. */
export type ReadFloats = (first: number, count: number) => Promise<Float32Array<ArrayBuffer>>;

/** @throws InputError if the tensor is missing or not float */
export function floatReader(source: TensorSource, name: string, report: Report): ReadFloats {
  const { dtype } = expectTensor(source, name);
  if (!isFloat(dtype))
    throw new InputError(`${tensorLabel(source, name)}: found type ${dtype}, expected F32, F16 or BF16`);
  const width = bytesPerElement(dtype);
  let raw = new Uint8Array(0);
  let floats = new Float32Array(0);
  return async (first, count) => {
    if (floats.length < count) {
      raw = new Uint8Array(count * width);
      floats = dtype === 'F32' ? new Float32Array(raw.buffer) : new Float32Array(count);
    }
    await source.readInto(name, raw.subarray(0, count * width), first * width);
    const chunk = floats.subarray(0, count);
    if (dtype !== 'F32') {
      const halves = new Uint16Array(raw.buffer, 0, count);
      dtype === 'F16' ? f16ToF32(halves, chunk) : bf16ToF32(halves, chunk);
    }
    report(count * width);
    return chunk;
  };
}

/**
 * The scale t of a packed matrix, which multiplies: its `weight_scale`, one positive float, or the inverse of that.
 * @throws InputError if it is missing or invalid
 */
export async function readScale(source: TensorSource, weightName: string, report: Report): Promise<number> {
  const name = scaleName(weightName);
  const { shape } = expectTensor(source, name);
  if (shape.length > 1 || (shape[0] ?? 1) !== 1) {
    throw new InputError(`${tensorLabel(source, name)}: found shape ${show(shape)}, expected [1]`);
  }
  const stored = (await floatReader(source, name, report)(0, 1))[0]!;
  const scale = storedScale(stored, source.packedScale);
  if (scale > 0 && Number.isFinite(scale)) return scale;
  throw new InputError(`${tensorLabel(source, name)}: found ${stored}, expected a finite scale above 0`);
}

/** Reads a packed matrix as floats; see `expandTernary`. @throws InputError for an invalid code or scale */
export async function* readExpanded(
  source: TensorSource,
  name: string,
  rows: number,
  columns: number,
  report: Report,
): AsyncGenerator<Float32Array<ArrayBuffer>> {
  const scale = await readScale(source, name, report);
  const packed = new Uint8Array(expectTensor(source, name).byteLength);
  await source.readInto(name, packed);
  checkPacked(packed, rows, columns, tensorLabel(source, name));
  report(packed.length);
  yield* expandTernary(packed, rows, columns, scale);
}

/** Reads a table of int8 rows as floats; see packingRows.ts. @throws InputError for an invalid scale */
export async function readInt8Rows(
  source: TensorSource,
  name: string,
  report: Report,
): Promise<Float32Array<ArrayBuffer>> {
  const scales = await readRowScales(source, name, report);
  const { shape, byteLength } = expectTensor(source, name);
  const codes = new Int8Array(byteLength);
  await source.readInto(name, new Uint8Array(codes.buffer));
  report(byteLength);
  return unpackRowsInt8(codes, scales, shape[1]!);
}

/** @throws InputError for scales that are negative or not finite, or not one for each row */
export async function readRowScales(
  source: TensorSource,
  name: string,
  report: Report,
): Promise<Float32Array> {
  const [rows] = expectTensor(source, name).shape;
  const where = tensorLabel(source, scaleName(name));
  const { shape } = expectTensor(source, scaleName(name));
  if (shape.length !== 1 || shape[0] !== rows) {
    throw new InputError(`${where}: found shape ${show(shape)}, expected [${rows}]`);
  }
  const scales = (await floatReader(source, scaleName(name), report)(0, rows!)).slice();
  const row = scales.findIndex((scale) => !(scale >= 0 && Number.isFinite(scale)));
  if (row < 0) return scales;
  throw new InputError(`${where}: row ${row}: found ${scales[row]}, expected a finite scale of 0 or more`);
}

/** Returns the name of a tensor for errors. */
export function tensorLabel(source: TensorSource, name: string): string {
  return `${source.location}: tensor "${name}"`;
}

export function expectTensor(source: TensorSource, name: string): TensorInfo {
  const info = source.tensors.get(name);
  if (info) return info;
  throw new InputError(`${tensorLabel(source, name)} not found among ${source.tensors.size} tensors`);
}

/** Reads a tensor's raw bytes in chunks of whole elements; each chunk is overwritten by the next. */
export async function* rawChunks(
  source: TensorSource,
  name: string,
  report: Report,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const { byteLength } = expectTensor(source, name);
  const buffer = new Uint8Array(Math.min(byteLength, chunkElements * 4));
  for (let start = 0; start < byteLength; start += buffer.length) {
    const chunk = buffer.subarray(0, Math.min(buffer.length, byteLength - start));
    await source.readInto(name, chunk, start);
    report(chunk.length);
    yield chunk;
  }
}
