/** The model for `inspect`: a named size, or a folder with files. */
import { Checkpoint } from '../../checkpoint/checkpoint.ts';
import { storedForms } from '../../checkpoint/load.ts';
import { findModelFolder } from '../../checkpoint/modelSource.ts';
import { InputError } from '../../errors.ts';
import { architectureOf } from '../../model/architecture.ts';
import { type ArchitectureName, isConfigName, type ModelConfig, namedConfig } from '../../model/config.ts';
import type { Storage } from '../../model/parameters.ts';
import { type Weights, weightsStoredAs } from '../../model/weights.ts';
import type { DType } from '../../program/tensor.ts';
import { folderFiles } from '../folderFiles.ts';
import { byteProgress } from '../openModel.ts';

export interface Found {
  readonly config: ModelConfig;
  /** How parameters are stored; one type: embedding and dense matrices. */
  readonly stored: DType | ReadonlyMap<string, Storage>;
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
}

export interface FindOptions {
  readonly architecture?: ArchitectureName;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** @throws InputError if there is no such model, or --architecture is given for a model with files */
export async function findModel(name: string, options: FindOptions, signal: AbortSignal): Promise<Found> {
  const { architecture } = options;
  if (isConfigName(name)) {
    return { config: namedConfig(name, { architecture }), stored: 'f16', files: [] };
  }
  if (architecture) {
    throw new InputError(
      `--architecture: found ${architecture}, but the files of ${name} determine the architecture`,
    );
  }
  return openFolder(name, options, signal);
}

/** The weights of the model as variables, without an engine. */
export function weightsOf({ config, stored }: Found): Weights {
  return weightsStoredAs(architectureOf(config).parameters(), stored);
}

async function openFolder(name: string, flags: FindOptions, signal: AbortSignal): Promise<Found> {
  const progress = byteProgress(flags);
  const folder = await findModelFolder(name, {
    onProgress: ({ loaded, total }) => progress.update('downloading', loaded, total),
    signal,
  }).finally(progress.stop);
  return readFolder(folder);
}

/** The model in a folder or GGUF file. */
export async function readFolder(folder: string): Promise<Found> {
  const checkpoint = await Checkpoint.open(folder);
  try {
    const { config } = checkpoint;
    const stored = storedForms(checkpoint, architectureOf(config).parameters());
    return { config, stored, files: await folderFiles(folder) };
  } finally {
    await checkpoint.close();
  }
}
