/**
 * An open model folder, or a GGUF file: its config and its tensors, in one file or in shards. Tensor data is read on
 * demand.
 */
import { join, openFile } from '#platform';
import { InputError } from '../errors.ts';
import { readJsonFile } from '../files.ts';
import { isObject, show } from '../json.ts';
import type { ModelConfig } from '../model/config.ts';
import { isGguf } from '../platform/ggufPaths.ts';
import { refuseAdapter, refuseAdapterTensors } from './adapter.ts';
import { modelFolderNeeds, readStoredConfig, type StoredConfig } from './config.ts';
import { refuseArmBlocks } from './gguf/armBlocks.ts';
import { GgufFile } from './gguf/ggufFile.ts';
import { GgufTensors } from './gguf/tensorSource.ts';
import { SafetensorsFile, type TensorInfo } from './safetensors.ts';
import { expectTensor, type PackedScale, type TensorSource, type WeightFile } from './tensorSource.ts';

export type { TensorSource } from './tensorSource.ts';

const singleFile = 'model.safetensors';
const indexFile = 'model.safetensors.index.json';
const maxShards = 1000;

export class Checkpoint implements TensorSource {
  /** The folder, or the GGUF file. */
  readonly location: string;
  readonly storedConfig: StoredConfig;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly #files: readonly WeightFile[];
  readonly #fileOf: ReadonlyMap<string, WeightFile>;

  private constructor(folder: string, storedConfig: StoredConfig, files: readonly WeightFile[]) {
    const tensors = new Map<string, TensorInfo>();
    const fileOf = new Map<string, WeightFile>();
    for (const file of files) {
      refuseAdapterTensors(file.path, file.tensors.keys());
      for (const [name, info] of file.tensors) {
        const other = fileOf.get(name);
        if (other)
          throw new InputError(`${file.path}: tensor "${name}" is also in ${other.path}; expected it once`);
        tensors.set(name, info);
        fileOf.set(name, file);
      }
    }
    this.location = folder;
    this.storedConfig = storedConfig;
    this.tensors = tensors;
    this.#files = files;
    this.#fileOf = fileOf;
  }

  /** @throws InputError if a file is missing or invalid, or the config describes a model that is not supported */
  static async open(folder: string): Promise<Checkpoint> {
    const config = await readStoredConfig(folder);
    if (isGguf(folder)) return new Checkpoint(folder, config, [await openGguf(folder, config)]);
    const weightMap = await readWeightMap(folder);
    const names = weightMap ? [...new Set(weightMap.values())] : [singleFile];
    const files: SafetensorsFile[] = [];
    try {
      for (const name of names) files.push(await SafetensorsFile.open(join(folder, name)));
      const checkpoint = new Checkpoint(folder, config, files);
      if (weightMap) checkpoint.#checkAgainst(weightMap);
      return checkpoint;
    } catch (error) {
      await Promise.all(files.map((file) => file.close()));
      throw error;
    }
  }

  get config(): ModelConfig {
    return this.storedConfig.config;
  }

  get packedScale(): PackedScale {
    return this.storedConfig.packedScale;
  }

  /** @throws InputError if there is no such tensor */
  tensor(name: string): TensorInfo {
    return expectTensor(this, name);
  }

  async readInto(name: string, target: Uint8Array, start = 0): Promise<void> {
    this.tensor(name);
    await this.#fileOf.get(name)!.readInto(name, target, start);
  }

  async close(): Promise<void> {
    await Promise.all(this.#files.map((file) => file.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #checkAgainst(weightMap: ReadonlyMap<string, string>): void {
    for (const [name, file] of weightMap) {
      if (this.#fileOf.get(name)?.path === join(this.location, file)) continue;
      throw new InputError(
        `${join(this.location, indexFile)}: weight_map: tensor "${name}" is not in ${file}`,
      );
    }
  }
}

async function openGguf(path: string, { config }: StoredConfig): Promise<WeightFile> {
  const file = await GgufFile.open(path);
  try {
    await refuseArmBlocks(file);
    return await GgufTensors.open(file, config);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Returns the shard of each tensor; undefined if the folder holds a single file. */
async function readWeightMap(folder: string): Promise<ReadonlyMap<string, string> | undefined> {
  const single = await openFile(join(folder, singleFile));
  await single?.close();
  if (single) return undefined;
  const path = join(folder, indexFile);
  const index = await readJsonFile(path, 100_000_000);
  if (index === undefined) {
    await refuseAdapter(folder);
    throw new InputError(`${folder}: neither ${singleFile} nor ${indexFile} found. ${modelFolderNeeds}`);
  }
  const map = index.weight_map;
  if (!isObject(map) || Object.keys(map).length === 0) {
    throw new InputError(
      `${path}: weight_map: found ${show(map)}, expected an object of tensor name → file name`,
    );
  }
  for (const [name, file] of Object.entries(map)) checkShardName(file, `${path}: weight_map ${show(name)}`);
  const shards = new Set(Object.values(map)).size;
  if (shards > maxShards) throw new InputError(`${path}: ${shards} shards; expected at most ${maxShards}`);
  return new Map(Object.entries(map) as [string, string][]);
}

/** Shards are in the folder itself: a name with a path could reach any file. */
function checkShardName(file: unknown, where: string): void {
  if (typeof file === 'string' && /^[\w-][\w.-]*\.safetensors$/.test(file)) return;
  throw new InputError(
    `${where}: found ${show(file)}, expected the name of a .safetensors file in the same folder`,
  );
}
