/** The default model. */
import fs from 'node:fs/promises';
import { join } from 'node:path';
import { isBundled } from '../checkpoint/bundledModels.ts';
import { isWeightFile } from '../checkpoint/modelFiles.ts';
import { InputError } from '../errors.ts';

/** Maximum depth of models under ./runs. */
const deepest = 3;

export interface Places {
  /** Folder of trained models. */
  readonly runs?: string;
  /** Folder of the bundled models. */
  readonly models?: string;
}

/**
 * @param bundled the bundled model for the command
 * @throws InputError if no model is given, none is bundled and none was trained
 */
export async function chosenModel(
  model: string | undefined,
  bundled: string,
  { runs = 'runs', models }: Places = {},
): Promise<string> {
  if (model !== undefined) return model;
  if (await isBundled(bundled, models)) return bundled;
  const found = await listModels(runs, deepest);
  const newest = found.sort((a, b) => b.modified - a.modified)[0];
  if (newest) return newest.folder;
  throw new InputError(
    `--model: none given, ${bundled} is not installed, and no run is in ./${runs}; run "npm install @plusminus/models", ` +
      'name a model (--model FOLDER or --model ridger/MMfreeLM-370M), or train one with "plusminus demo"',
  );
}

interface FoundModel {
  readonly folder: string;
  readonly modified: number;
}

async function listModels(folder: string, depth: number): Promise<FoundModel[]> {
  const entries = await fs.readdir(folder, { withFileTypes: true }).catch(() => []);
  const weights = entries.filter((entry) => isWeightFile(entry.name));
  if (weights.length > 0 && entries.some(({ name }) => name === 'config.json')) {
    const times = await Promise.all(
      weights.map(async ({ name }) => (await fs.stat(join(folder, name))).mtimeMs),
    );
    return [{ folder, modified: Math.max(...times) }];
  }
  if (depth === 0) return [];
  // A folder that is being written, or was left by a crash, is not a model yet.
  const folders = entries.filter(
    (entry) => entry.isDirectory() && !/\.(tmp|previous|partial)/.test(entry.name),
  );
  return (await Promise.all(folders.map(({ name }) => listModels(join(folder, name), depth - 1)))).flat();
}
