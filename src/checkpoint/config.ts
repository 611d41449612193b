/** A model folder's `config.json` on disk. */
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../errors.ts';
import type { ModelConfig } from '../model/config.ts';
import { formatConfig, parseConfig, type StoredConfig } from './huggingFaceConfig.ts';
import { type JsonObject, readJsonFile } from './json.ts';
import { previousOf } from './replaceFolder.ts';
import { onDisk } from './safetensors.ts';

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
    const previous = (await stat(previousOf(folder)).catch(() => undefined)) !== undefined;
    const remedy = previous
      ? `An interrupted save left the earlier model in ${previousOf(folder)}; rename it back.`
      : '';
    throw new InputError(`${path}: not found. ${remedy || modelFolderNeeds}`);
  }
  return parseConfig(fields, path);
}

/** @param kept fields of an earlier config.json to write back; see `formatConfig` */
export async function writeConfig(
  folder: string,
  config: ModelConfig,
  kept?: Readonly<JsonObject>,
): Promise<void> {
  const path = join(folder, 'config.json');
  const text = `${JSON.stringify(formatConfig(config, kept), undefined, 2)}\n`;
  await onDisk(path, () => writeFile(path, text, { flush: true }));
}

export const modelFolderNeeds =
  'A model folder needs config.json and either model.safetensors or model.safetensors.index.json with the ' +
  'shards that it names; to generate text also tokenizer.json (Hugging Face layout).';
