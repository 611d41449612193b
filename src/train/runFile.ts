/** `training.json`: settings and data of a run, so that it can be resumed. */
import { readFile } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve } from 'node:path';
import * as v from 'valibot';
import { type EngineName, engineNames } from '../engine/engines.ts';
import { InputError } from '../errors.ts';
import { parseJsonObject } from '../json.ts';
import { replaceFile } from '../text/replaceFile.ts';
import { parseSettings, type TrainingSettings } from './settings.ts';

const runFile = (folder: string) => join(folder, 'training.json');

const runFileSchema = v.strictObject({
  version: v.literal(1),
  tokens: v.string(),
  /** The engine of the run. Runs of earlier versions, without this field, used the CPU. */
  engine: v.optional(v.picklist(engineNames), 'cpu'),
  /** SHA-256 of the tokens. Runs of earlier versions have none. */
  dataHash: v.optional(v.string()),
  settings: v.unknown(),
});

/** Settings and data of a run. */
export interface RunFile {
  readonly settings: TrainingSettings;
  /** The folder of its token shards. */
  readonly tokens: string;
  /** The engine: on another one a resumed run does not end with the same bits. */
  readonly engine: EngineName;
  /** Of the tokens: see `TokenMix.contentHash`. */
  readonly dataHash?: string | undefined;
}

/** The path of the shards is stored relative to the run if they lie in it, so that runs can be moved. */
export async function writeRunFile(folder: string, run: RunFile): Promise<void> {
  const inside = relative(folder, run.tokens);
  const tokens = inside.startsWith('..') || isAbsolute(inside) ? resolve(run.tokens) : inside;
  await replaceFile(runFile(folder), `${JSON.stringify({ version: 1, ...run, tokens }, undefined, 2)}\n`);
}

/** Whether the folder holds a run, finished or not. */
export async function holdsRun(folder: string): Promise<boolean> {
  return (await readFile(runFile(folder), 'utf8').catch(() => undefined)) !== undefined;
}

/** @throws InputError if the folder holds no run, or its file is malformed */
export async function readRunFile(folder: string): Promise<RunFile> {
  const path = runFile(folder);
  const bytes = await readFile(path).catch(() => {
    throw new InputError(`${path}: not found; expected the folder of a training run`);
  });
  const result = v.safeParse(runFileSchema, parseJsonObject(bytes, path));
  if (!result.success) {
    const [issue] = result.issues;
    const field = v.getDotPath(issue) ?? 'the content';
    throw new InputError(`${path}: ${field}: found ${issue.received}, expected ${issue.expected}`);
  }
  const { tokens, engine, dataHash, settings } = result.output;
  return {
    ...{ tokens: resolve(folder, tokens), engine, dataHash },
    settings: parseSettings(settings, `${path}: settings`),
  };
}
