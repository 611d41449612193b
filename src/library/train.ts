/** `plusminus/train`: training from code, in Node. */
import { InputError } from '../errors.ts';
import { refuseUnknown } from '../generate/samplingOptions.ts';
import type { ConfigOptions } from '../model/config.ts';
import { beginRun, type RunPlan } from '../train/begin.ts';
import type { LogLine } from '../train/log.ts';
import { withMachine } from '../train/machine.ts';
import { Run } from '../train/run.ts';
import { parseSettings, type TrainingChoices } from '../train/settings.ts';

export type { LogLine, StepLine, ValidationLine } from '../train/log.ts';
export { defaultSettings, type TrainingChoices, type TrainingSettings } from '../train/settings.ts';

/** What a new and a resumed run have in common. */
export interface RunOptions {
  /** Default: `auto`, which is an NVIDIA GPU where CUDA works and no `threads` are asked for, else the CPU. */
  readonly engine?: 'auto' | 'cpu' | 'webgpu' | 'cuda' | undefined;
  /** Worker threads of the CPU. Default: the cores, at most 16. */
  readonly threads?: number | undefined;
  /** Aborting it stops the run after the current step, and saves. */
  readonly signal?: AbortSignal | undefined;
  /** Called with each line of the log: a step's or a validation's figures. */
  readonly onLine?: ((line: LogLine) => void) | undefined;
}

/** A size by name, with sizes of your own where given. */
export interface ModelSizes extends Omit<ConfigOptions, 'vocabSize'> {
  readonly name: string;
}

/** What is trained, on what, and how. */
export interface TrainOptions extends RunOptions {
  /** Text files, folders of them or of token shards; or a function that yields the documents, each time from the first. */
  readonly data: readonly string[] | (() => AsyncIterable<string>);
  /** Folder of the run: checkpoint, log, state. It is created. */
  readonly out: string;
  /** A size such as `tiny`, or a size with fields of your own. Default: `tiny`. */
  readonly model?: string | ModelSizes | undefined;
  /** Start from the config, weights and tokenizer of this model, a folder or a name, instead of `model`. */
  readonly from?: string | undefined;
  /** Folder or model whose tokenizer to use. Default: one is trained on the data. */
  readonly tokenizer?: string | undefined;
  /** Size of the vocabulary of a tokenizer that is trained. Default 4096. */
  readonly vocabulary?: number | undefined;
  /** Batch, length, steps, learning rate and so on, where they differ from `defaultSettings`. */
  readonly settings?: TrainingChoices | undefined;
}

/** A run that has ended. */
export interface TrainResult {
  /** The run's folder, which `LanguageModel.load` takes. */
  readonly folder: string;
  /** Steps done. */
  readonly steps: number;
  readonly outcome: 'finished' | 'interrupted';
}

/**
 * Trains a model on texts.
 * @throws InputError if an option, the data or the folder is wrong; OutOfMemoryError; the signal's reason if it is
 *   aborted before the first step
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  checkTrainOptions(options);
  const { data, out, model = 'tiny', from, tokenizer, vocabulary = 4096, signal } = options;
  const settings = parseSettings(options.settings ?? {});
  const choice = typeof model === 'string' ? { name: model } : model;
  const plan: RunPlan = {
    ...{ folder: out, data, model: choice, settings, from, tokenizer, vocabulary, signal },
  };
  return withMachine(options, async (machine) => carryOut(await beginRun(plan, machine), options));
}

/**
 * Continues an interrupted run from its last checkpoint, to the same bits as without the interruption.
 * @param options.steps to train in all, if it is to be more than the run's settings say
 */
export async function resume(
  folder: string,
  options: RunOptions & { steps?: number } = {},
): Promise<TrainResult> {
  refuseUnknown(options, [...runOptions, 'steps']);
  return withMachine(options, async (machine) =>
    carryOut(await Run.resume(folder, machine, options.steps), options),
  );
}

const runOptions = ['engine', 'threads', 'signal', 'onLine'];
const trainOptions = ['data', 'out', 'model', 'from', 'tokenizer', 'vocabulary', 'settings', ...runOptions];

/** Programs without types may pass anything, and what is not known would be ignored for hours. */
function checkTrainOptions(options: TrainOptions): void {
  refuseUnknown(options, trainOptions);
  const { data, out } = options;
  const isList = Array.isArray(data) && data.every((path) => typeof path === 'string');
  if (!isList && typeof data !== 'function') {
    throw new InputError(
      `data: found ${JSON.stringify(data)}, expected a list of files and folders, or a function that yields texts`,
    );
  }
  if (typeof out !== 'string' || out === '')
    throw new InputError(`out: found ${JSON.stringify(out)}, expected the folder of the run`);
}

async function carryOut(run: Run, { signal, onLine }: RunOptions): Promise<TrainResult> {
  try {
    const outcome = await run.train({ signal, onLine });
    return { folder: run.folder, steps: run.step, outcome };
  } finally {
    await run.close();
  }
}
