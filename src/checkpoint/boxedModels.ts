/** The models that come with PlusMinus, in its folder `models/`: they need no download and no training. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InputError } from '../errors.ts';

/** Continues stories; what `LanguageModel.load()` loads. */
export const storiesModel = 'plusminus/stories';
/** Answers; made from the other by fine-tuning. */
export const chatModel = 'plusminus/chat';

const boxed: readonly string[] = [storiesModel, chatModel];

/** The folder that holds one folder a model. */
export const modelsFolder = fileURLToPath(new URL('../../models', import.meta.url));

/** Whether a name means a model of the box, there or not. */
export function isBoxedName(name: string): boolean {
  return name.startsWith('plusminus/');
}

/** @throws InputError if there is no such model, or its files are missing */
export async function boxedFolder(name: string, models = modelsFolder): Promise<string> {
  if (!boxed.includes(name)) {
    throw new InputError(`model: found "${name}", expected ${boxed.join(' or ')}`);
  }
  const folder = join(models, name.slice('plusminus/'.length));
  if (await holdsModel(folder)) return folder;
  throw new InputError(
    `${name}: its files are not in ${folder}; get them with the package, make them by recipes/stories, ` +
      'or name another model folder',
  );
}

/** Whether the box holds this model. */
export async function isInTheBox(name: string, models = modelsFolder): Promise<boolean> {
  return boxed.includes(name) && holdsModel(join(models, name.slice('plusminus/'.length)));
}

async function holdsModel(folder: string): Promise<boolean> {
  return (await stat(join(folder, 'config.json')).catch(() => undefined))?.isFile() ?? false;
}
