/** Writes a model folder's `config.json`. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonObject } from '../json.ts';
import type { ModelConfig } from '../model/config.ts';
import { formatConfig } from './huggingFaceConfig.ts';
import { onDisk } from './writeSafetensors.ts';

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
