/** Writes a model folder that this project and Hugging Face tools read. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import type { ModelConfig } from '../model/config.ts';
import { f32ToBf16, f32ToF16 } from './floats.ts';
import { replaceFolder } from './replaceFolder.ts';
import { storedBytes } from './safetensorsHeader.ts';
import { writeConfig } from './writeConfig.ts';
import { onDisk, type TensorEntry, writeSafetensors } from './writeSafetensors.ts';

export type SavedDType = 'f32' | 'f16' | 'bf16';

export interface SaveOptions {
  /** Type for F32 tensors; other types are stored unchanged. Default: f32, bit for bit. */
  readonly dtype?: SavedDType | undefined;
  /** Splits the weights into files of at most this many bytes (a larger tensor gets its own). Default: one file. */
  readonly shardBytes?: number | undefined;
  /** Fields of an earlier config.json to write back. */
  readonly keptFields?: Readonly<JsonObject> | undefined;
  /** Writes further files that belong to the checkpoint into the folder before it appears. */
  readonly alsoWrite?: ((temporary: string) => Promise<void>) | undefined;
}

/**
 * Writes config.json and the weights; a reader of `folder` sees the old checkpoint or the new one. Other files in an
 * existing model folder stay.
 * @throws InputError if the disk refuses, a weight exceeds the range of f16, or `folder` is not a model folder
 */
export async function saveCheckpoint(
  folder: string,
  config: ModelConfig,
  tensors: readonly TensorEntry[],
  options: SaveOptions = {},
): Promise<void> {
  const { dtype = 'f32', shardBytes = Number.POSITIVE_INFINITY, keptFields = {}, alsoWrite } = options;
  const entries = tensors.map((entry) => narrowed(entry, dtype));
  await replaceFolder(folder, async (temporary) => {
    await writeWeights(temporary, splitIntoShards(entries, shardBytes));
    await writeConfig(temporary, config, keptFields);
    await alsoWrite?.(temporary);
  });
}

async function writeWeights(folder: string, shards: readonly (readonly TensorEntry[])[]): Promise<void> {
  // Hugging Face's loader requires this mark.
  const metadata = { format: 'pt' };
  if (shards.length === 1) return writeSafetensors(join(folder, 'model.safetensors'), shards[0]!, metadata);
  const weightMap: Record<string, string> = {};
  let totalSize = 0;
  for (const [k, shard] of shards.entries()) {
    const file = `model-${fiveDigits(k + 1)}-of-${fiveDigits(shards.length)}.safetensors`;
    await writeSafetensors(join(folder, file), shard, metadata);
    for (const { name, dtype, shape } of shard) {
      weightMap[name] = file;
      totalSize += storedBytes(dtype, shape);
    }
  }
  const path = join(folder, 'model.safetensors.index.json');
  const text = `${JSON.stringify({ metadata: { total_size: totalSize }, weight_map: weightMap }, undefined, 2)}\n`;
  await onDisk(path, () => writeFile(path, text, { flush: true }));
}

function fiveDigits(n: number): string {
  return String(n).padStart(5, '0');
}

function splitIntoShards(entries: readonly TensorEntry[], shardBytes: number): TensorEntry[][] {
  const shards: TensorEntry[][] = [[]];
  let filled = 0;
  for (const entry of entries) {
    const bytes = storedBytes(entry.dtype, entry.shape);
    if (filled > 0 && filled + bytes > shardBytes) {
      shards.push([]);
      filled = 0;
    }
    shards.at(-1)!.push(entry);
    filled += bytes;
  }
  return shards;
}

/** The entry with F32 as another float type. */
export function narrowed(entry: TensorEntry, dtype: SavedDType): TensorEntry {
  if (entry.dtype !== 'F32' || dtype === 'f32') return entry;
  const chunks = () => narrowedChunks(entry, dtype);
  return { name: entry.name, dtype: dtype === 'f16' ? 'F16' : 'BF16', shape: entry.shape, chunks };
}

async function* narrowedChunks(entry: TensorEntry, dtype: 'f16' | 'bf16'): AsyncGenerator<Uint8Array> {
  for await (const chunk of entry.chunks()) {
    if (chunk.length % 4 !== 0) {
      throw new RangeError(
        `tensor "${entry.name}": chunk of ${chunk.length} bytes, expected whole f32 numbers`,
      );
    }
    const aligned = chunk.byteOffset % 4 === 0 ? chunk : chunk.slice();
    const floats = new Float32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
    const halves = new Uint16Array(floats.length);
    if (dtype === 'f16') refuseOverflow(floats, f32ToF16(floats, halves), entry.name);
    else f32ToBf16(floats, halves);
    yield new Uint8Array(halves.buffer);
  }
}

function refuseOverflow(floats: Float32Array, halves: Uint16Array, name: string): void {
  const k = halves.findIndex((half, j) => (half & 0x7fff) === 0x7c00 && Number.isFinite(floats[j]));
  if (k < 0) return;
  throw new InputError(
    `tensor "${name}": weight ${floats[k]} exceeds f16 (65504); expected less, or save as bf16`,
  );
}
