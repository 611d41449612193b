/**
 * The bundled models: the folder `models/` of a clone, or the package `@plusminus/models`. They need no download and no
 * training.
 */
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { InputError } from '../errors.ts';
import { verifyChecksums } from './checksums.ts';

/** Continues stories; what `LanguageModel.load()` loads. */
export const storiesModel = 'plusminus/stories';
/** Chats; made from the other by fine-tuning. */
export const chatModel = 'plusminus/chat';

const bundled: readonly string[] = [storiesModel, chatModel];

/** The folder that holds one folder per model. */
export const modelsFolder = findModels(import.meta.dirname ?? '.', process.cwd());

/**
 * The folder `models/` of the clone that contains `here`, else the package beside it or in the project `cwd`. Paths are
 * joined, because a bundler would follow `new URL(…, import.meta.url)`.
 */
export function findModels(here: string, cwd: string): string {
  const inClone = join(here, '../../models');
  // Beside a bundle of this code, a folder of that name is someone else's.
  if (existsSync(join(inClone, 'stories/config.json'))) return inClone;
  try {
    const { resolve } = createRequire(join(cwd, 'package.json'));
    return dirname(resolve('@plusminus/models/package.json', { paths: [here, cwd] }));
  } catch {
    return inClone;
  }
}

/** Whether a name is that of a bundled model, present or not. */
export function isBundledName(name: string): boolean {
  return name.startsWith('plusminus/');
}

/** @throws InputError if there is no such model, or its files are missing or damaged */
export async function bundledFolder(name: string, models = modelsFolder): Promise<string> {
  if (!bundled.includes(name)) {
    throw new InputError(`model: found "${name}", expected ${bundled.join(' or ')}`);
  }
  const folder = join(models, name.slice('plusminus/'.length));
  const advice =
    'run "npm install @plusminus/models", make them by recipes/stories, or name another model folder';
  if (!(await holdsModel(folder))) throw new InputError(`${name}: its files are not in ${folder}; ${advice}`);
  await verifyChecksums(folder, advice);
  return folder;
}

/** Whether this bundled model is present. */
export async function isBundled(name: string, models = modelsFolder): Promise<boolean> {
  return bundled.includes(name) && holdsModel(join(models, name.slice('plusminus/'.length)));
}

async function holdsModel(folder: string): Promise<boolean> {
  return (await stat(join(folder, 'config.json')).catch(() => undefined))?.isFile() ?? false;
}
