/** The model for `inspect`: a named size, or a folder with files. */
import { Checkpoint } from '../../checkpoint/checkpoint.ts';
import { findModelFolder } from '../../checkpoint/modelSource.ts';
import { InputError } from '../../errors.ts';
import { architectureOf } from '../../model/architecture.ts';
import { type ArchitectureName, isConfigName, type ModelConfig, namedConfig } from '../../model/config.ts';
import { Weights } from '../../model/weights.ts';
import type { DType } from '../../program/tensor.ts';
import { folderFiles } from '../folderFiles.ts';
import { byteProgress } from '../openModel.ts';

export interface Found {
  readonly config: ModelConfig;
  readonly embedding: DType;
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
    return { config: namedConfig(name, { architecture }), embedding: 'f16', files: [] };
  }
  if (architecture) {
    throw new InputError(
      `--architecture: found ${architecture}, but the files of ${name} determine the architecture`,
    );
  }
  return openFolder(name, options, signal);
}

/** The weights of the model as variables, without an engine: embedding and dense matrices in their stored type. */
export function weightsOf({ config, embedding }: Found): Weights {
  const specs = architectureOf(config).parameters();
  const dtypes = specs
    .filter(({ role }) => role === 'embedding' || role === 'matrix')
    .map(({ name }) => [name, embedding] as const);
  return new Weights(specs, 'inference', new Map(dtypes));
}

async function openFolder(name: string, flags: FindOptions, signal: AbortSignal): Promise<Found> {
  const progress = byteProgress(flags);
  const folder = await findModelFolder(name, {
    onProgress: ({ loaded, total }) => progress.update('downloading', loaded, total),
    signal,
  }).finally(progress.stop);
  const checkpoint = await Checkpoint.open(folder);
  await checkpoint.close();
  const files = await folderFiles(folder);
  return { config: checkpoint.config, embedding: embeddingType(checkpoint), files };
}

function embeddingType({ tensors, config }: Checkpoint): DType {
  const table = architectureOf(config)
    .parameters()
    .find(({ role }) => role === 'embedding')!;
  const stored = tensors.get(table.name)?.dtype ?? 'F32';
  return ({ F16: 'f16', BF16: 'bf16', I8: 'i8' } as Partial<Record<string, DType>>)[stored] ?? 'f32';
}
