/** Packed models of random weights to measure with: they are as fast as trained ones. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { randomCheckpoint } from '../src/checkpoint/random.ts';
import { InputError } from '../src/errors.ts';
import { architectureOf } from '../src/model/architecture.ts';
import { type ConfigName, configNames, isConfigName, namedConfig } from '../src/model/config.ts';

export const modelsFolder = fileURLToPath(new URL('../build/bench', import.meta.url));

/** The value of `--sizes`. */
export function sizesOf(names: string): ConfigName[] {
  return names.split(',').map((name) => {
    if (isConfigName(name)) return name;
    throw new InputError(`--sizes: found ${name}, expected some of ${configNames.join(', ')}`);
  });
}

/** The value of an option that takes positive integers, separated by commas. */
export function countsOf(option: string, text: string): number[] {
  const counts = text.split(',').map(Number);
  if (counts.every((count) => Number.isInteger(count) && count > 0)) return counts;
  throw new InputError(`${option}: found ${text}, expected positive integers`);
}

/** The folder of a model of this size, which is made when it is first asked for. */
export async function randomModel(size: ConfigName): Promise<string> {
  const folder = `${modelsFolder}/${size}`;
  if (!existsSync(folder)) {
    console.error(`making ${folder} with random weights`);
    const config = namedConfig(size);
    await mkdir(modelsFolder, { recursive: true });
    await randomCheckpoint(folder, config, architectureOf(config).parameters(), { seed: 1 });
  }
  return folder;
}
