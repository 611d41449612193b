/** Tokenizers in folders (Node only). */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../errors.ts';
import { replaceFile } from './replaceFile.ts';
import { readSentencePiece } from './sentencepiece.ts';

export interface TokenizerFiles {
  json: unknown;
  config: unknown;
  /** the file that `json` came from */
  source: string;
}

/** Larger files are no tokenizers: the largest in use have about 35 MB. */
const MAX_BYTES = 2 ** 28;

export async function readTokenizer(folder: string): Promise<TokenizerFiles> {
  const source = join(folder, 'tokenizer.json');
  const configFile = join(folder, 'tokenizer_config.json');
  const [text, configText, template] = await Promise.all(
    [source, configFile, join(folder, 'chat_template.jinja')].map(readIfPresent),
  );
  const config = configText === undefined ? {} : parse(configText.toString('utf8'), configFile);
  if (
    template !== undefined &&
    typeof config === 'object' &&
    config !== null &&
    !('chat_template' in config)
  ) {
    Object.assign(config, { chat_template: template.toString('utf8') });
  }
  if (text !== undefined) return { json: parse(text.toString('utf8'), source), config, source };

  const modelFile = join(folder, 'tokenizer.model');
  const model = await readIfPresent(modelFile);
  if (model === undefined) {
    throw new InputError(`${folder}: found no tokenizer, expected tokenizer.json or tokenizer.model there`);
  }
  const converted = readSentencePiece(model, modelFile);
  return { json: converted.json, config: { ...converted.config, ...(config as object) }, source: modelFile };
}

/**
 * Writes `tokenizer.json` and `tokenizer_config.json`, each replaced as a whole or not at all.
 * @param folder an existing folder
 */
export async function saveTokenizer(
  folder: string,
  files: { json: unknown; config: unknown },
): Promise<void> {
  await replaceFile(join(folder, 'tokenizer.json'), JSON.stringify(files.json, null, 1));
  await replaceFile(join(folder, 'tokenizer_config.json'), JSON.stringify(files.config, null, 2));
}

async function readIfPresent(file: string): Promise<Buffer | undefined> {
  try {
    const content = await readFile(file);
    if (content.length > MAX_BYTES)
      throw new InputError(`${file}: found ${content.length} bytes, expected at most 2^28`);
    return content;
  } catch (error) {
    if (
      (error as NodeJS.ErrnoException).code === 'ENOENT' ||
      (error as NodeJS.ErrnoException).code === 'ENOTDIR'
    ) {
      return undefined;
    }
    throw error;
  }
}

function parse(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InputError(`${file}: not JSON: ${(error as Error).message}`, { cause: error });
  }
}
