/** Tokenizers in folders. */
import { join } from '#platform';
import { InputError } from '../errors.ts';
import { readFile } from '../files.ts';
import { readSentencePiece } from './sentencepiece.ts';

export interface TokenizerFiles {
  json: unknown;
  config: unknown;
  /** the file that `json` came from */
  source: string;
}

/** Larger files are no tokenizers: the largest in use have about 35 MB. */
const maxBytes = 2 ** 28;

/** @returns undefined if the folder holds no tokenizer */
export async function readTokenizer(folder: string): Promise<TokenizerFiles | undefined> {
  const source = join(folder, 'tokenizer.json');
  const configFile = join(folder, 'tokenizer_config.json');
  const [text, configText, template] = await Promise.all(
    [source, configFile, join(folder, 'chat_template.jinja')].map(readText),
  );
  const config = configText === undefined ? {} : parse(configText, configFile);
  if (
    template !== undefined &&
    typeof config === 'object' &&
    config !== null &&
    !('chat_template' in config)
  ) {
    Object.assign(config, { chat_template: template });
  }
  if (text !== undefined) return { json: parse(text, source), config, source };

  const modelFile = join(folder, 'tokenizer.model');
  const model = await readFile(modelFile, maxBytes, 'a tokenizer');
  if (model === undefined) return undefined;
  const converted = readSentencePiece(model, modelFile);
  return { json: converted.json, config: { ...converted.config, ...(config as object) }, source: modelFile };
}

async function readText(file: string): Promise<string | undefined> {
  const bytes = await readFile(file, maxBytes, 'a tokenizer');
  return bytes && new TextDecoder().decode(bytes);
}

function parse(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InputError(`${file}: not JSON: ${(error as Error).message}`, { cause: error });
  }
}
