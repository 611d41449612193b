/** Shared options of commands, and parsers for their values. */

import { type Command, InvalidArgumentError, Option } from 'commander';
import { storiesModel } from '../checkpoint/bundledModels.ts';
import { type EngineChoice, engineChoices } from '../engine/engines.ts';
import { type KvCacheType, kvCacheTypes } from '../model/architecture.ts';

/** An integer from `min` to `max`. */
export function integer(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  const range = max === Number.MAX_SAFE_INTEGER ? `of ${min} or more` : `from ${min} to ${max}`;
  return (text) => {
    const value = toNumber(text);
    if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Expected an integer ${range}.`);
  };
}

/** A number that satisfies `holds`; `range` describes it for the error message. */
export function number(range: string, holds: (value: number) => boolean): (text: string) => number {
  return (text) => {
    const value = toNumber(text);
    if (Number.isFinite(value) && holds(value)) return value;
    throw new InvalidArgumentError(`Expected ${range}.`);
  };
}

/** Token ids such as `1,415,2936`. */
export function tokenList(text: string): number[] {
  const ids = text.split(',').map((part) => toNumber(part));
  if (ids.every((id) => Number.isSafeInteger(id) && id >= 0)) return ids;
  throw new InvalidArgumentError('Expected token ids separated by commas, such as 1,415,2936.');
}

/** For options that may be given several times. */
export function collected(text: string, earlier: readonly string[] = []): string[] {
  return [...earlier, text];
}

/** Like Number, but NaN for empty text and for hexadecimal numbers. */
function toNumber(text: string): number {
  return /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(text) ? Number(text) : Number.NaN;
}

export interface ModelOptions {
  readonly model?: string;
  readonly engine: EngineChoice;
  readonly threads?: number;
  readonly kvCacheType?: KvCacheType;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

export function engineOption(): Option {
  return new Option(
    '--engine <name>',
    'engine that computes; auto: CUDA where it works, else the CPU',
  ).choices(engineChoices);
}

/** @param bundled the default model; see findModel.ts */
export function addModelOptions(command: Command, bundled: string = storiesModel): Command {
  return command
    .option('-m, --model <folder|id>', `model folder or Hub name (default: ${bundled})`)
    .addOption(engineOption().default('auto'))
    .option(
      '--threads <n>',
      'worker threads (default: all cores; of 8 and more, all but one)',
      integer(0, 256),
    )
    .addOption(
      new Option(
        '--kv-cache-type <type>',
        'type of keys and values of models that attend (default: f32)',
      ).choices(kvCacheTypes),
    )
    .option('-q, --quiet', 'no progress and no statistics')
    .option('--json', 'print JSON for machines');
}

export interface SamplingFlags {
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topP: number;
  readonly topK: number;
  readonly minP: number;
  readonly repetitionPenalty: number;
  readonly seed?: number;
  readonly stop?: readonly string[];
}

export function addSamplingOptions(command: Command): Command {
  return command
    .option('-n, --max-tokens <n>', 'max. number of tokens to generate', integer(0), 256)
    .option(
      '-t, --temperature <x>',
      'sampling temperature; 0: always the most probable token',
      number('a number of 0 or more', (x) => x >= 0),
      0.8,
    )
    .option(
      '--top-p <x>',
      'top-p: sample from the most probable tokens that together have this probability',
      number('a number above 0 and at most 1', (x) => x > 0 && x <= 1),
      0.95,
    )
    .option('--top-k <n>', 'top-k: sample from the k most probable tokens; 0: off', integer(0), 0)
    .option(
      '--min-p <x>',
      'min-p: drop tokens less probable than this fraction of the most probable one',
      number('a number from 0 to 1', (x) => x >= 0 && x <= 1),
      0,
    )
    .option(
      '--repetition-penalty <x>',
      'above 1: lower the logits of tokens that occurred before; 1: off',
      number('a number above 0', (x) => x > 0),
      1,
    )
    .option(
      '--seed <n>',
      'seed of the sampling: the same seed gives the same text (default: random)',
      integer(0),
    )
    .option('--stop <text>', 'stop before this text; may be given several times', collected);
}

/** The generation options of the flags. Without --seed a seed is drawn, so that it can be printed. */
export function samplingOf(flags: SamplingFlags) {
  const { maxTokens, temperature, topP, topK, minP, repetitionPenalty, stop = [] } = flags;
  const seed = flags.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]!;
  return { maxTokens, temperature, topP, topK, minP, repetitionPenalty, stop, seed };
}
