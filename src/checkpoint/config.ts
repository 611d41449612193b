/** Reading a model folder's `config.json`. */
import { join, remedyForMissing } from '#platform';
import { InputError } from '../errors.ts';
import { readJsonFile } from '../files.ts';
import type { ModelConfig } from '../model/config.ts';
import { refuseAdapter } from './adapter.ts';
import { parseConfig, type StoredConfig } from './huggingFaceConfig.ts';

export type { StoredConfig } from './huggingFaceConfig.ts';

/** Published configs are a few kB; one with a label per class may be longer. */
const maxConfigBytes = 4_000_000;

/** @throws InputError if the folder has no config.json, or one of a model that is not supported */
export async function readConfig(folder: string): Promise<ModelConfig> {
  return (await readStoredConfig(folder)).config;
}

/** Like `readConfig`, with all fields of the file and the list of those that are unknown. */
export async function readStoredConfig(folder: string): Promise<StoredConfig> {
  const path = join(folder, 'config.json');
  const fields = await readJsonFile(path, maxConfigBytes);
  if (fields === undefined) {
    await refuseAdapter(folder);
    throw new InputError(`${path}: not found. ${(await remedyForMissing(folder)) || modelFolderNeeds}`);
  }
  return parseConfig(fields, path);
}

export const modelFolderNeeds =
  'A model folder needs config.json and either model.safetensors or model.safetensors.index.json with the ' +
  'shards that it names; to generate text also tokenizer.json (Hugging Face layout).';
