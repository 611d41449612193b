/** Converts a model folder between float types and the packed ternary form, streaming. */

import fs from 'node:fs/promises';
import { join } from 'node:path';
import { bytesOf } from '../engine/engine.ts';
import { InputError } from '../errors.ts';
import { readFile } from '../files.ts';
import { architectureOf } from '../model/architecture.ts';
import type { ModelConfig } from '../model/config.ts';
import { offsetName, type ParameterSpec, scaleName } from '../model/parameters.ts';
import { isGguf } from '../platform/ggufPaths.ts';
import { elementCount, packedRows } from '../program/tensor.ts';
import { floatFields, packedFields } from './attentionConfig.ts';
import { Checkpoint } from './checkpoint.ts';
import { describeGroups, expandedGroups, groupedEntries, possiblyGrouped } from './convertGroups.ts';
import { isGrouped, readGroupedFloats } from './groupedRows.ts';
import { isTokenizerFile } from './modelFiles.ts';
import { packRows, type ReadRows, ternaryScale } from './packing.ts';
import { packRowsInt8 } from './packingRows.ts';
import { packedScaleOf } from './quantizationConfig.ts';
import { narrowed, type SavedDType, saveCheckpoint } from './save.ts';
import {
  chunkElements,
  floatReader,
  isFloat,
  type PackedScale,
  type Progress,
  progressReport,
  type Report,
  rawChunks,
  readExpanded,
  readInt8Rows,
  readScale,
  storedScale,
  tensorLabel,
} from './tensorSource.ts';
import { onDisk, type TensorEntry } from './writeSafetensors.ts';

export interface ConvertOptions {
  /**
   * `packed`: ternary matrices to two bits a weight, floats that are codes times scales to those, the rest as stored. Otherwise all floats to this type, and
   * packed matrices to floats that quantise to the same values and scale again.
   */
  readonly to: 'packed' | SavedDType;
  /** Type of the embedding in a packed checkpoint; `int8`: rows with a scale each. Default: as stored. */
  readonly embedding?: 'int8' | SavedDType | undefined;
  readonly shardBytes?: number | undefined;
  /** Bytes read of bytes to read; a matrix to be packed is read twice. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A running conversion. */
interface Conversion {
  readonly source: Checkpoint;
  readonly to: ConvertOptions['to'];
  /** The model's ternary matrices and how many rows each has. */
  readonly ternary: ReadonlyMap<string, number>;
  /** The name of the embedding's table. */
  readonly table: string;
  /** The meaning of the scales that are written. */
  readonly packedScale: PackedScale;
}

function ternaryMatrices(config: ModelConfig): ReadonlyMap<string, number> {
  const specs = architectureOf(config).parameters();
  return new Map(specs.filter(({ role }) => role === 'ternary').map(({ name, shape }) => [name, shape[0]!]));
}

/** The name of the embedding's table. */
function tableOf(config: ModelConfig): string {
  return architectureOf(config)
    .parameters()
    .find(({ role }) => role === 'embedding')!.name;
}

/**
 * Converts the model folder `source` into the model folder `target`, with its tokenizer files and config
 * fields. Holds at most one packed matrix and a few MiB of floats.
 * @returns what was found out about the weights, as lines for people
 * @throws InputError as opening and saving do, and for weights to pack that are not finite; the signal's reason
 */
export async function convertCheckpoint(
  source: string,
  target: string,
  options: ConvertOptions,
): Promise<readonly string[]> {
  const checkpoint = await Checkpoint.open(source);
  try {
    return await convertOpened(checkpoint, target, options);
  } finally {
    await checkpoint.close();
  }
}

async function convertOpened(
  source: Checkpoint,
  target: string,
  options: ConvertOptions,
): Promise<readonly string[]> {
  const { to, shardBytes, onProgress, signal } = options;
  const { embedding } = options;
  refuseEmbedding(source, options);
  const table = tableOf(source.config);
  const quantisation = to === 'packed' ? packedFields(source.config) : floatFields(source.config);
  const packedScale = packedScaleOf(quantisation);
  const conversion = { source, to, table, packedScale, ternary: ternaryMatrices(source.config) };
  const specs = architectureOf(source.config).parameters();
  const packsGroups = to === 'packed' && conversion.ternary.size === 0;
  const names = [...source.tensors.keys()];
  const again = packsGroups ? possiblyGrouped(source, specs).map(({ name }) => name) : [];
  const total = [...names, ...again].reduce((sum, name) => sum + bytesToRead(conversion, name), 0);
  const report = progressReport(total, onProgress, signal);
  const grouped = packsGroups
    ? await groupedEntries(source, specs, report)
    : expandedGroups(source, to === 'packed' ? [] : specs, report);
  const entries = names.flatMap((name) => {
    if (name !== table) return grouped.get(name) ?? convertedEntries(conversion, name, report);
    const as = to === 'packed' ? (embedding ?? 'as stored') : to;
    const kept = embedding === undefined ? grouped.get(name) : undefined;
    return kept ?? embeddingEntries(source, specs.find((spec) => spec.name === table)!, as, report);
  });
  await saveCheckpoint(target, source.config, entries, {
    dtype: to === 'packed' ? 'f32' : to,
    shardBytes,
    keptFields: {
      ...source.storedConfig.fields,
      ...quantisation,
      ...(to === 'packed' ? {} : torchType(to)),
    },
    alsoWrite: (temporary) => copyTokenizer(source.location, temporary),
  });
  return packsGroups ? describeGroups(specs, grouped) : [];
}

/** Hugging Face renamed the field; both names are in use. */
function torchType(to: SavedDType) {
  const name = { f32: 'float32', f16: 'float16', bf16: 'bfloat16' }[to];
  return { torch_dtype: name, dtype: name };
}

function mustPack({ source, to, ternary }: Conversion, name: string): boolean {
  const { dtype, shape } = source.tensor(name);
  return to === 'packed' && isFloat(dtype) && shape.length === 2 && ternary.has(name);
}

function mustExpand({ source, to, ternary }: Conversion, name: string): boolean {
  const { dtype, shape } = source.tensor(name);
  return to !== 'packed' && dtype === 'U8' && shape.length === 2 && ternary.has(name);
}

function bytesToRead(conversion: Conversion, name: string): number {
  const { byteLength } = conversion.source.tensor(name);
  return mustPack(conversion, name) ? 2 * byteLength : byteLength;
}

function convertedEntries(conversion: Conversion, name: string, report: Report): TensorEntry[] {
  const { source, to, ternary } = conversion;
  const info = source.tensor(name);
  if (mustPack(conversion, name)) return packedEntries(conversion, name, report);
  if (mustExpand(conversion, name)) return [expandedEntry(source, name, ternary.get(name)!, report)];
  if (isScaleOfExpanded(conversion, name)) return [];
  if (isScaleOfPacked(conversion, name)) return [scaleEntry(conversion, name, report)];
  const wanted = { packed: info.dtype, f32: 'F32', f16: 'F16', bf16: 'BF16' }[to];
  if (!isFloat(info.dtype) || info.dtype === wanted) {
    return [{ name, dtype: info.dtype, shape: info.shape, chunks: () => rawChunks(source, name, report) }];
  }
  return [{ name, dtype: 'F32', shape: info.shape, chunks: () => floatChunks(source, name, report) }];
}

/** The scale of a matrix that becomes floats is part of those floats; an embedding has its own. */
function isScaleOfExpanded(conversion: Conversion, name: string): boolean {
  if (name === scaleName(conversion.table) || name === offsetName(conversion.table)) return true;
  const weightName = weightOfScale(name);
  return (
    weightName !== name && conversion.source.tensors.has(weightName) && mustExpand(conversion, weightName)
  );
}

/** A scale that stays beside its codes, though its meaning may change. */
function isScaleOfPacked({ source, ternary }: Conversion, name: string): boolean {
  const matrix = weightOfScale(name);
  return matrix !== name && ternary.has(matrix) && source.tensors.get(matrix)?.dtype === 'U8';
}

function scaleEntry({ source, packedScale }: Conversion, name: string, report: Report): TensorEntry {
  async function* chunks() {
    const scale = await readScale(source, weightOfScale(name), report);
    yield bytesOf(Float32Array.of(storedScale(scale, packedScale)));
  }
  return { name, dtype: 'F32', shape: [1], chunks };
}

function weightOfScale(name: string): string {
  return name.replace(/\.weight_scale$/, '.weight');
}

/** The table of an embedding; its scales, if any, are converted with it. */
async function* embeddingChunks(
  source: Checkpoint,
  table: ParameterSpec,
  report: Report,
): AsyncGenerator<Uint8Array> {
  const { name } = table;
  if (isGrouped(source, name)) {
    for await (const floats of readGroupedFloats(source, table, report)) yield bytesOf(floats);
  } else if (source.tensor(name).dtype === 'I8') yield bytesOf(await readInt8Rows(source, name, report));
  else yield* floatChunks(source, name, report);
}

function embeddingEntries(
  source: Checkpoint,
  table: ParameterSpec,
  as: 'int8' | 'as stored' | SavedDType,
  report: Report,
): TensorEntry[] {
  const { name, shape } = table;
  const scales = scaleName(name);
  const { dtype } = source.tensor(name);
  const stored = { int8: 'I8', f32: 'F32', f16: 'F16', bf16: 'BF16', 'as stored': dtype }[as];
  if (dtype === stored) {
    const kept = [name, scales, offsetName(name)].filter((one) => source.tensors.has(one));
    return kept.map((one) => {
      const info = source.tensor(one);
      return {
        name: one,
        dtype: info.dtype,
        shape: info.shape,
        chunks: () => rawChunks(source, one, report),
      };
    });
  }
  const floats = { name, dtype: 'F32', shape, chunks: () => embeddingChunks(source, table, report) } as const;
  if (as !== 'int8') return [narrowed(floats, as as SavedDType)];
  const packed = once(async () => {
    const parts: Uint8Array[] = [];
    for await (const part of floats.chunks()) parts.push(part.slice());
    const bytes = new Uint8Array(Buffer.concat(parts));
    return packRowsInt8(new Float32Array(bytes.buffer), shape[1]!);
  });
  async function* codesOf() {
    yield new Uint8Array((await packed()).codes.buffer);
  }
  async function* scalesOf() {
    yield bytesOf((await packed()).scales);
  }
  return [
    { name, dtype: 'I8', shape, chunks: codesOf },
    { name: scales, dtype: 'F32', shape: [shape[0]!], chunks: scalesOf },
  ];
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

function refuseEmbedding(source: Checkpoint, { to, embedding }: ConvertOptions): void {
  if (embedding === undefined) return;
  if (to !== 'packed')
    throw new InputError(`embedding: found ${embedding} with ${to}, expected it with packed`);
  const table = tableOf(source.config);
  if (source.tensors.has(table)) return;
  throw new InputError(`${tensorLabel(source, table)}: not found, expected an embedding to convert`);
}

function packedEntries({ source, packedScale }: Conversion, name: string, report: Report): TensorEntry[] {
  const [rows, columns] = source.tensor(name).shape as [number, number];
  const where = tensorLabel(source, name);
  // One reader per pass, because its buffers must not outlive the pass: a model has hundreds of matrices.
  const reader = (): ReadRows => {
    const read = floatReader(source, name, report);
    return (first, count) => read(first * columns, count * columns);
  };
  // Scales are f32 and therefore written before the codes, but either order works.
  const scaleOnce = once(() => ternaryScale(reader(), rows, columns, where));
  async function* codes() {
    const packed = new Uint8Array(packedRows(rows) * columns);
    await packRows(reader(), rows, columns, await scaleOnce(), packed);
    yield packed;
  }
  async function* scales() {
    yield bytesOf(Float32Array.of(storedScale(await scaleOnce(), packedScale)));
  }
  return [
    { name, dtype: 'U8', shape: [packedRows(rows), columns], chunks: codes },
    { name: scaleName(name), dtype: 'F32', shape: [1], chunks: scales },
  ];
}

/** A packed file stores the number of packed rows, not of the matrix's rows: that follows from the model. */
function expandedEntry(source: Checkpoint, name: string, rows: number, report: Report): TensorEntry {
  const [height, columns] = source.tensor(name).shape as [number, number];
  const where = tensorLabel(source, name);
  if (packedRows(rows) !== height) {
    throw new InputError(
      `${where}: found ${height} packed rows, expected ${packedRows(rows)} for ${rows} outputs`,
    );
  }
  async function* chunks() {
    for await (const floats of readExpanded(source, name, rows, columns, report)) yield bytesOf(floats);
  }
  return { name, dtype: 'F32', shape: [rows, columns], chunks };
}

async function* floatChunks(source: Checkpoint, name: string, report: Report): AsyncGenerator<Uint8Array> {
  const size = elementCount(source.tensor(name).shape);
  const read = floatReader(source, name, report);
  for (let first = 0; first < size; first += chunkElements) {
    yield bytesOf(await read(first, Math.min(chunkElements, size - first)));
  }
}

async function copyTokenizer(from: string, to: string): Promise<void> {
  if (isGguf(from)) return writeTokenizerOf(from, to);
  for (const name of (await fs.readdir(from)).filter(isTokenizerFile)) {
    await onDisk(join(to, name), () => fs.copyFile(join(from, name), join(to, name)));
  }
}

/** The tokenizer's files that a GGUF file's metadata makes. */
async function writeTokenizerOf(gguf: string, to: string): Promise<void> {
  for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
    const bytes = await readFile(join(gguf, name), 2 ** 28, 'a tokenizer');
    if (bytes) await onDisk(join(to, name), () => fs.writeFile(join(to, name), bytes));
  }
}
