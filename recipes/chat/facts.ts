/** What the model says about its own making: numbers of its configuration, its files and its training. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readConfig } from '../../src/checkpoint/config.ts';
import { architectureOf } from '../../src/model/architecture.ts';

export interface Facts {
  /** "42.5 million" */
  readonly parameters: string;
  /** Of the folder with tokenizer: "14 megabytes" */
  readonly size: string;
  readonly layers: string;
  readonly width: string;
  readonly vocabulary: string;
  /** Of the recurrent state: "20 kilobytes" */
  readonly state: string;
}

const tokenizerFiles = /^tokenizer/;

/** @param folder the packed model that the chat starts from; the chat has the same sizes */
export async function readFacts(folder: string): Promise<Facts> {
  const config = await readConfig(folder);
  const parameters = architectureOf(config)
    .parameters()
    .reduce((sum, { shape }) => sum + shape.reduce((product, axis) => product * axis, 1), 0);
  const files = (await readdir(folder)).filter((name) => /\.(safetensors|json)$/.test(name));
  const sizes = await Promise.all(
    files.map(async (name) => (tokenizerFiles.test(name) ? 0 : (await stat(join(folder, name))).size)),
  );
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  return {
    parameters: `${(parameters / 1e6).toFixed(1)} million`,
    size: `${Math.round(bytes / 1e6)} megabytes`,
    layers: String(config.layers),
    width: String(config.hiddenSize),
    vocabulary: config.vocabSize.toLocaleString('en-US'),
    state: `${Math.round((config.layers * config.hiddenSize * 4) / 1e3)} kilobytes`,
  };
}
