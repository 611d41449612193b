/** Saves tokenizers. */
import { join } from 'node:path';
import { replaceFile } from './replaceFile.ts';

/**
 * Writes `tokenizer.json` and `tokenizer_config.json`, each atomically.
 * @param folder an existing folder
 */
export async function saveTokenizer(
  folder: string,
  files: { json: unknown; config: unknown },
): Promise<void> {
  await replaceFile(join(folder, 'tokenizer.json'), JSON.stringify(files.json, null, 1));
  await replaceFile(join(folder, 'tokenizer_config.json'), JSON.stringify(files.config, null, 2));
}
