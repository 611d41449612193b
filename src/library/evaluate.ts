/** `plusminus/evaluate`: a model's scores on tasks and texts, as lm-evaluation-harness computes them, in Node. */
import { InputError } from '../errors.ts';
import { findDataFiles } from '../evaluate/dataFiles.ts';
import { Evaluator } from '../evaluate/evaluate.ts';
import { documentItems, heldOutText } from '../evaluate/heldOutText.ts';
import { type TaskReport, taskReport } from '../evaluate/report.ts';
import { readRows } from '../evaluate/rows.ts';
import { drawItems } from '../evaluate/sample.ts';
import type { Item } from '../evaluate/task.ts';
import { allTasks, findTasks } from '../evaluate/tasks.ts';
import { refuseUnknown } from '../generate/samplingOptions.ts';
import type { LanguageModel } from '../languageModel.ts';

export type { TaskReport } from '../evaluate/report.ts';
export type { Metric, MetricName } from '../evaluate/task.ts';

/** Names of the tasks. */
export const taskNames: readonly string[] = allTasks.map(({ name }) => name);

/** How a task or a text is scored. */
export interface EvaluateOptions {
  /** Put the BOS token before each text. Default: as the tokenizer does by itself. */
  readonly bos?: boolean | undefined;
  /** Context length in tokens. Default: the model's own. */
  readonly window?: number | undefined;
  /** Items to score, drawn with `seed` (default 1) in proportion to their sources. Default: all. */
  readonly limit?: number | undefined;
  readonly seed?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with the number of items that are scored, and of all. */
  readonly onProgress?: ((progress: { readonly done: number; readonly total: number }) => void) | undefined;
}

/**
 * Scores a task.
 * @param name one of `taskNames`
 * @param options `data`: a file or folder with the task's data; default: it is downloaded from the Hub
 * @throws InputError if there is no such task or its data is damaged; the signal's reason if it is aborted
 */
export async function evaluateTask(
  model: LanguageModel,
  name: string,
  options: EvaluateOptions & { readonly data?: string | undefined } = {},
): Promise<TaskReport> {
  refuseUnknown(options, [...evaluateOptions, 'data']);
  const { data = 'hub', signal } = options;
  const [task] = findTasks([name]);
  const files = await findDataFiles(task!, data, { signal });
  const { items, sample } = draw(await collect(task!.items(readRows(files, signal))), options);
  const result = await new Evaluator(model, evaluatorOptions(items, options)).task(task!, items);
  return { ...taskReport(task!, files.join(', '), result), ...sample };
}

/**
 * Scores text files, plain or JSON lines: bits per byte, perplexity per word and per token.
 * @throws InputError if a file is missing or malformed; the signal's reason if it is aborted
 */
export async function evaluateText(
  model: LanguageModel,
  files: readonly string[],
  options: EvaluateOptions = {},
): Promise<TaskReport> {
  refuseUnknown(options, evaluateOptions);
  if (!Array.isArray(files))
    throw new InputError(`files: found ${JSON.stringify(files)}, expected a list of files and folders`);
  const { signal } = options;
  const documents = await collect(documentItems(files, signal ? { signal } : {}));
  const { items, sample } = draw(documents, options);
  const result = await new Evaluator(model, evaluatorOptions(items, options)).task(heldOutText, items);
  return { ...taskReport(heldOutText, files.join(', '), result), ...sample };
}

const evaluateOptions = ['bos', 'window', 'limit', 'seed', 'signal', 'onProgress'];

function evaluatorOptions(items: readonly Item[], { bos, window, signal, onProgress }: EvaluateOptions) {
  return { bos, window, signal, onItem: (done: number) => onProgress?.({ done, total: items.length }) };
}

function draw(all: readonly Item[], { limit = all.length, seed = 1 }: EvaluateOptions) {
  const items = drawItems(
    all.map((item, index) => ({ ...item, index })),
    limit,
    seed,
  );
  return { items, sample: items.length < all.length ? { sample: { of: all.length, seed } } : {} };
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}
