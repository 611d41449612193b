/** What the commands' options have in common: how values are read, and how a model is chosen. */

import { type Command, InvalidArgumentError, Option } from 'commander';
import { storiesModel } from '../checkpoint/bundledModels.ts';
import { type EngineChoice, engineChoices } from '../engine/engines.ts';

/** An integer from `least` to `most`. */
export function integer(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  const range = most === Number.MAX_SAFE_INTEGER ? `of ${least} or more` : `from ${least} to ${most}`;
  return (text) => {
    const value = toNumber(text);
    if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Expected an integer ${range}.`);
  };
}

/** A number for which `holds`; `range` says in words which. */
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

/** Like Number, but '' and ' ' are not 0, nor is 0x10 or 1e3 a number that anyone meant. */
function toNumber(text: string): number {
  return /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(text) ? Number(text) : Number.NaN;
}

export interface ModelOptions {
  readonly model?: string;
  readonly engine: EngineChoice;
  readonly threads?: number;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

export function engineOption(): Option {
  return new Option('--engine <name>', 'engine that computes; auto: the CPU').choices(engineChoices);
}

/** @param bundled the model that is meant where none is named; see findModel.ts */
export function addModelOptions(command: Command, bundled: string = storiesModel): Command {
  return command
    .option('-m, --model <folder|id>', `model folder or Hub name (default: ${bundled})`)
    .addOption(engineOption().default('auto'))
    .option('--threads <n>', 'worker threads (default: all cores)', integer(0, 256))
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
    .option('-n, --max-tokens <n>', 'most tokens to generate', integer(0), 256)
    .option(
      '-t, --temperature <x>',
      '0: always the likeliest token; 1: as the model says',
      number('a number of 0 or more', (x) => x >= 0),
      0.8,
    )
    .option(
      '--top-p <x>',
      'only the likeliest tokens that together have this probability',
      number('a number above 0 and at most 1', (x) => x > 0 && x <= 1),
      0.95,
    )
    .option('--top-k <n>', 'only the k likeliest tokens; 0: off', integer(0), 0)
    .option(
      '--min-p <x>',
      'only tokens at least this times as likely as the likeliest',
      number('a number from 0 to 1', (x) => x >= 0 && x <= 1),
      0,
    )
    .option(
      '--repetition-penalty <x>',
      'above 1: less of what occurred already',
      number('a number above 0', (x) => x > 0),
      1,
    )
    .option('--seed <n>', 'the same seed gives the same text', integer(0))
    .option('--stop <text>', 'end before this text; may be given several times', collected);
}

/** The generation options that the flags ask for, with a seed in any case, so that it can be told. */
export function samplingOf(flags: SamplingFlags) {
  const { maxTokens, temperature, topP, topK, minP, repetitionPenalty, stop = [] } = flags;
  const seed = flags.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]!;
  return { maxTokens, temperature, topP, topK, minP, repetitionPenalty, stop, seed };
}
