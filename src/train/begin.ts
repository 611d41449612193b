/** Starts a run in a new folder from texts, a model size and settings. */
import { join } from 'node:path';
import { readConfig } from '../checkpoint/config.ts';
import { formatConfig, parseConfig } from '../checkpoint/huggingFaceConfig.ts';
import { findModelFolder } from '../checkpoint/modelSource.ts';
import { InputError } from '../errors.ts';
import {
  attends,
  type ConfigOptions,
  configNames,
  isConfigName,
  type ModelConfig,
  namedConfig,
} from '../model/config.ts';
import { alone, type Group } from '../mpi/group.ts';
import { saveTokenizer } from '../text/saveTokenizer.ts';
import { TextTokenizer } from '../text/tokenizer.ts';
import { TokenMix } from '../text/tokenMix.ts';
import { type DataOptions, prepareData } from './data.ts';
import { Run } from './run.ts';
import { RunFolder } from './runFolder.ts';
import type { TrainingSettings } from './settings.ts';
import type { Machine } from './trainer.ts';

/** A model by name, with sizes of its own where given. */
export interface ModelChoice extends Omit<ConfigOptions, 'vocabSize'> {
  readonly name: string;
}

export interface RunPlan extends Omit<DataOptions, 'shardFolder'> {
  readonly folder: string;
  readonly model: ModelChoice;
  readonly settings: TrainingSettings;
  /** A model to start from, named as users name models: its config, weights and tokenizer. `model` is then ignored. */
  readonly from?: string | undefined;
  /** Of the model `from` on the Hub, in bytes. */
  readonly onDownload?: ((progress: { readonly loaded: number; readonly total: number }) => void) | undefined;
}

/**
 * Makes tokenizer, shards and the first state. If that fails, or is aborted, what was made is removed again.
 * @throws InputError if the folder is in use or something does not fit together; OutOfMemoryError; the signal's
 *   reason, once aborted
 */
export async function beginRun(given: RunPlan, machine: Machine): Promise<Run> {
  const { group = alone } = machine;
  if (group.rank > 0) return joinRun(given, machine, group);
  const plan = await withFolders(given);
  const { folder, from, settings } = plan;
  if (from === undefined) configOf(plan.model); // before the corpus is read, which may take long
  const place = await RunFolder.prepare(folder);
  try {
    const data = await prepareData({
      ...plan,
      tokenizer: plan.tokenizer ?? from,
      shardFolder: join(folder, 'tokens'),
    });
    try {
      const config = await trainedConfig(plan, data.tokenizer);
      if (group.size > 1) {
        await saveTokenizer(folder, data.tokenizer);
        await group.rest();
        await group.gather(data.folder);
      }
      const run = await Run.create(folder, { config, settings, data, from, lock: place.lock }, machine);
      await place.complete();
      return run;
    } catch (error) {
      await data.shards.close();
      throw error;
    }
  } catch (error) {
    await place.undo();
    throw error;
  }
}

/** Finds models by name, such as those that are bundled. */
async function withFolders(plan: RunPlan): Promise<RunPlan> {
  const { from, tokenizer, signal, onDownload: onProgress } = plan;
  const folderOf = async (name: string | undefined) =>
    name === undefined ? undefined : findModelFolder(name, { signal, onProgress });
  return { ...plan, from: await folderOf(from), tokenizer: await folderOf(tokenizer) };
}

/** The other ranks wait until rank 0 has written tokenizer and shards, then read them from its folder. */
async function joinRun(given: RunPlan, machine: Machine, group: Group): Promise<Run> {
  const { folder, settings } = given;
  await group.rest();
  const [tokens] = await group.gather('');
  const tokenizer = await TextTokenizer.load(folder).catch((cause) => {
    throw new InputError(
      `${folder}: found no tokenizer, but rank 0 has written one: expected a folder that all hosts see, as on NFS`,
      { cause },
    );
  });
  const plan = await withFolders(given); // rank 0 has downloaded what is on the Hub
  const { from } = plan;
  const data = { tokenizer, shards: await TokenMix.open(tokens!, tokenizer), folder: tokens! };
  try {
    const config = await trainedConfig(plan, tokenizer);
    return await Run.create(folder, { config, settings, data, from }, machine);
  } catch (error) {
    await data.shards.close();
    throw error;
  }
}

/**
 * The config of the model to train. An attention model cannot use positions that it was not trained on, so its context
 * length is the sequence length of this training, or of an earlier one that was longer.
 */
async function trainedConfig(
  { from, model, settings: { length } }: RunPlan,
  tokenizer: TextTokenizer,
): Promise<ModelConfig> {
  const config = from === undefined ? configOf(model, tokenizer) : await readConfig(from);
  if (!attends(config)) return config;
  const earlier = from === undefined ? 0 : config.maxPositionEmbeddings;
  return { ...config, maxPositionEmbeddings: Math.max(length, earlier) };
}

/**
 * The config of a model that reads this tokenizer's ids.
 * @throws InputError if there is no such name, or a size is out of range
 */
export function configOf(choice: ModelChoice, tokenizer?: TextTokenizer): ModelConfig {
  const { name, ...options } = choice;
  if (!isConfigName(name)) {
    throw new InputError(`model: found "${name}", expected one of ${configNames.join(', ')}`);
  }
  const named: ModelConfig = namedConfig(name, { ...options, vocabSize: tokenizer?.vocabularySize });
  const ends = { bosTokenId: tokenizer?.bosTokenId ?? null, eosTokenId: tokenizer?.eosTokenId ?? null };
  return parseConfig(formatConfig({ ...named, ...ends }), 'model').config;
}
