/** Tokenizers in folders. */
import { join } from '#platform';
import { readFile, readJsonFile } from '../files.ts';
import { endTokensOf } from './endTokens.ts';
import { applySettings } from './sentencePieceSettings.ts';
import { readSentencePiece } from './sentencepiece.ts';
import type { TokenizerConfig } from './tokenizerJson.ts';

export interface TokenizerFiles {
  json: unknown;
  config: TokenizerConfig;
  /** Tokens, by id or text, that end what the model writes, beside the tokenizer's eos token. */
  ends: readonly (number | string)[];
  /** the file that `json` came from */
  source: string;
}

/** Larger files are not tokenizers: the largest in use have about 35 MB. */
const maxBytes = 2 ** 28;

/** @returns undefined if the folder holds no tokenizer */
export async function readTokenizer(folder: string): Promise<TokenizerFiles | undefined> {
  const read = (name: string) => readJsonFile(join(folder, name), maxBytes);
  const source = join(folder, 'tokenizer.json');
  const modelFile = join(folder, 'tokenizer.model');
  const json = await read('tokenizer.json');
  const model = json === undefined ? await readFile(modelFile, maxBytes, 'a tokenizer') : undefined;
  if (json === undefined && model === undefined) return undefined;
  const specials = (await read('special_tokens_map.json')) ?? {};
  const own = { ...specials, ...(await read('tokenizer_config.json')), ...(await templateOf(folder)) };
  const ends = endTokensOf([await read('generation_config.json'), await read('config.json')], specials);
  if (model === undefined) return { json, config: own, ends, source };
  const converted = readSentencePiece(model, modelFile);
  const config = { ...converted.config, ...own };
  const changed = applySettings(converted.json, config, await read('added_tokens.json'));
  return { json: changed, config, ends, source: modelFile };
}

/** The chat template of a file of its own, which counts more than that of `tokenizer_config.json`. */
async function templateOf(folder: string): Promise<{ chat_template?: unknown }> {
  const bytes = await readFile(join(folder, 'chat_template.jinja'), maxBytes, 'a chat template');
  if (bytes) return { chat_template: new TextDecoder().decode(bytes) };
  const template = (await readJsonFile(join(folder, 'chat_template.json'), maxBytes))?.chat_template;
  return template === undefined || template === null ? {} : { chat_template: template };
}
