/** `plusminus evaluate`: scores a model on the field's tasks and on texts. */
import { open, readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { InputError } from '../errors.ts';
import { compareScores, comparisonLines, parseScores } from '../evaluate/compare.ts';
import { describeSource, findDataFiles } from '../evaluate/dataFiles.ts';
import { type EvaluateOptions, Evaluator } from '../evaluate/evaluate.ts';
import { documentItems, heldOutText } from '../evaluate/heldOutText.ts';
import type { ScoredItem } from '../evaluate/metrics.ts';
import {
  averageOf,
  itemScores,
  positionLines,
  reportLines,
  type TaskReport,
  taskReport,
} from '../evaluate/report.ts';
import { readRows } from '../evaluate/rows.ts';
import { drawItems } from '../evaluate/sample.ts';
import { noMemory, ScoresFile } from '../evaluate/scoresFile.ts';
import type { Item, Task } from '../evaluate/task.ts';
import { allTasks, findTasks } from '../evaluate/tasks.ts';
import type { LanguageModel } from '../languageModel.ts';
import type { Group } from '../mpi/group.ts';
import { systemReason } from '../systemErrors.ts';
import { replaceFile } from '../text/replaceFile.ts';
import { byteProgress, interruptible, withModel } from './openModel.ts';
import { addModelOptions, integer, type ModelOptions } from './options.ts';
import { write, writeJson } from './output.ts';
import { checkOutputFiles } from './outputFile.ts';
import { startProgress } from './progress.ts';
import { inTurn, placeOf, withGroup } from './ranks.ts';

const examples = `
Examples:
  $ plusminus evaluate --model ridger/MMfreeLM-370M --tasks paper --data hub --out scores.json
  $ plusminus evaluate --model runs/book --tasks lambada_openai,wikitext --data hub --limit 100
  $ plusminus evaluate --model runs/book --text held-out.txt
  $ plusminus evaluate --compare scores-a.json scores-b.json
  $ plusminus evaluate --tasks piqa --data hub --requests requests.jsonl

Tasks:
${allTasks.map(({ name, about }) => `  ${name.padEnd(15)} ${about}`).join('\n')}
  paper           the first six; all: all of them

--data takes a folder with JSON lines or Parquet files, as the Hub's datasets have them, or "hub".
With --out, run the same command again to resume a stopped evaluation.
Several processes share the items (docs/mpi.md):
  $ mpirun -n 4 plusminus evaluate --tasks paper --data datasets/ --out scores.json`;

interface Flags extends ModelOptions {
  readonly tasks?: readonly string[];
  readonly text?: readonly string[];
  readonly data: string;
  readonly limit?: number;
  readonly seed: number;
  readonly requests?: string;
  readonly compare?: readonly string[];
  readonly out?: string;
  readonly bos?: boolean;
  readonly window?: number;
}

export function evaluateCommand(): Command {
  const command = new Command('evaluate').description(
    'Score a model on tasks as lm-evaluation-harness 0.4 does, or on your own texts.',
  );
  return addModelOptions(command)
    .option('--tasks <names>', 'tasks, separated by commas', (text) =>
      text.split(',').map((name) => name.trim()),
    )
    .option('--text <files...>', 'score these texts: bits per byte, perplexity')
    .option('--data <folder|hub>', 'source of the task data', 'hub')
    .option(
      '--limit <n>',
      'score a sample of n items of each task, drawn in proportion to its sources',
      integer(1),
    )
    .option('--seed <n>', 'seed of the sample that --limit draws', integer(0), 1)
    .option('--requests <file>', 'write the rendered requests as JSON lines without running a model')
    .option('--compare <files...>', 'compare two files of --out, item by item, without running a model')
    .option('--out <file>', 'write figures and every score as JSON')
    .option('--bos', "put the bos token before each text (default: the tokenizer's habit)")
    .option('--no-bos', 'put no bos token before texts')
    .option('--window <n>', 'context length in tokens (default: that of the model)', integer(1))
    .addHelpText('after', examples)
    .action(evaluate);
}

interface Job {
  readonly task: Pick<Task, 'name' | 'version' | 'scoring' | 'headline'>;
  readonly data: string;
  readonly items: readonly Item[];
  readonly sample: TaskReport['sample'];
}

async function evaluate(flags: Flags): Promise<void> {
  await withGroup((group) => evaluateWith(group, flags), { interruptedEndsAll: true });
}

async function evaluateWith(group: Group, given: Flags): Promise<void> {
  const speaks = group.rank === 0;
  const flags = {
    ...given,
    ...(await placeOf(group, given)),
    ...(speaks ? {} : { quiet: true, json: false }),
  };
  const { requests, out, compare } = flags;
  if (compare !== undefined) return speaks ? compareFiles(compare, flags) : undefined;
  if (requests !== undefined) {
    if (!speaks) return;
    await checkOutputFiles({ '--requests': requests });
    return interruptible(async (signal) => writeRequests(requests, flags, signal));
  }
  if (speaks) await checkOutputFiles({ '--out': out });
  // Rank 0 first, so that each file is downloaded once. Data before the model: mistakes in them show sooner.
  const turn = await inTurn(group);
  await withJobs(flags, (jobs) =>
    withModel(flags, async (model, signal, source) => {
      await turn.done();
      const memory = out === undefined || !speaks ? undefined : await ScoresFile.open(`${out}.scores.jsonl`);
      try {
        await score(jobs, model, { ...flags, source, signal, memory, group });
      } catch (error) {
        if (signal.aborted && memory) console.error('Interrupted. Run the same command to resume.');
        throw error;
      } finally {
        await memory?.close();
      }
    }),
  );
}

async function compareFiles(paths: readonly string[], { json, seed }: Flags): Promise<void> {
  const [first, second, ...more] = paths;
  if (first === undefined || second === undefined || more.length > 0)
    throw new InputError(`--compare: found ${paths.length} files, expected two`);
  const [one, other] = await Promise.all(
    [first, second].map(async (path) => parseScores(await readJson(path), path)),
  );
  const compared = compareScores(one!, other!, seed);
  if (json) await writeJson(compared);
  else await write(`${comparisonLines(compared).join('\n')}\n`);
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new InputError(`${path}: cannot be read as JSON: ${systemReason(cause)}`, { cause });
  }
}

async function withJobs(flags: Flags, use: (jobs: readonly Job[]) => Promise<void>): Promise<void> {
  let jobs: readonly Job[] | undefined;
  await interruptible(async (signal) => {
    const prepared = await prepare(flags, signal);
    signal.throwIfAborted(); // Ctrl-C may come behind the last look at it
    jobs = prepared;
  });
  if (jobs) await use(jobs);
}

async function prepare(flags: Flags, signal: AbortSignal): Promise<readonly Job[]> {
  const { tasks, text, data } = flags;
  if (!tasks && !text)
    throw new InputError('--tasks: found none, expected task names (or --text FILE); see --help');
  const jobs: Job[] = [];
  for (const task of tasks ? findTasks(tasks) : []) {
    const progress = byteProgress(flags);
    const onProgress = ({ loaded, total }: { loaded: number; total: number }) =>
      progress.update(`downloading ${task.name}`, loaded, total);
    const files = await findDataFiles(task, data, { signal, onProgress }).finally(progress.stop);
    const drawn = draw(await collect(task.items(readRows(files, signal))), flags);
    jobs.push({ task, data: describeSource(task, data, files), ...drawn });
  }
  if (text) {
    const drawn = draw(await collect(documentItems(text, { signal })), flags);
    jobs.push({ task: heldOutText, data: text.join(', '), ...drawn });
  }
  return jobs;
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

function draw(all: readonly Item[], { limit = all.length, seed }: Flags): Pick<Job, 'items' | 'sample'> {
  const numbered = all.map((item, index) => ({ ...item, index }));
  const items = drawItems(numbered, limit, seed);
  return { items, sample: items.length < all.length ? { of: all.length, seed } : undefined };
}

async function writeRequests(path: string, flags: Flags, signal: AbortSignal): Promise<void> {
  const jobs = await prepare(flags, signal);
  const file = await open(path, 'w');
  let count = 0;
  try {
    for (const { task, items } of jobs) {
      for (const [place, { requests, index: item = place }] of items.entries()) {
        signal.throwIfAborted();
        const lines = requests.map((request, choice) =>
          JSON.stringify({ task: task.name, item, choice, ...request }),
        );
        count += lines.length;
        await file.writeFile(`${lines.join('\n')}\n`);
      }
    }
  } finally {
    await file.close();
  }
  if (flags.json) await writeJson({ requests: path, count });
  else if (!flags.quiet)
    console.error(`${path}: ${count} requests of ${jobs.map(({ task }) => task.name).join(', ')}`);
}

interface Circumstances extends Flags {
  readonly source: string;
  readonly signal: AbortSignal;
  readonly memory: ScoresFile | undefined;
  readonly group: Group;
}

async function score(jobs: readonly Job[], model: LanguageModel, flags: Circumstances): Promise<void> {
  const { source, bos, window, signal, memory = noMemory, group, out, json, quiet } = flags;
  const reports: TaskReport[] = [];
  const scores: Record<string, ReturnType<typeof itemScores>> = {};
  for (const { task, data, items, sample } of jobs) {
    const display = itemProgress(task.name, items.length, quiet || json);
    const options: EvaluateOptions = { bos, window, signal, memory, group, onItem: display.onItem };
    const result = await new Evaluator(model, options).task(task, items).finally(display.stop);
    reports.push({ ...taskReport(task, data, result), ...(sample ? { sample } : {}) });
    scores[task.name] = itemScores(result.scored);
  }
  if (group.rank > 0) return;
  const { fingerprint, engine } = model;
  const report = {
    ...{ model: source, fingerprint, engine, date: new Date().toISOString() },
    ...{ tasks: reports, average: averageOf(reports) },
  };
  if (out !== undefined) await replaceFile(out, `${JSON.stringify({ ...report, scores })}\n`);
  if (json) await writeJson(report);
  else
    await write(
      `${[...reportLines(report), ...reports.flatMap(positionLines), ...boundaryNotes(reports), ...notes(flags)].join('\n')}\n`,
    );
}

function boundaryNotes(reports: readonly TaskReport[]): string[] {
  return reports.flatMap(({ task, encodedAlone }) =>
    encodedAlone === undefined
      ? []
      : [`${task}: ${encodedAlone} continuations encoded alone (one token spans their boundary)`],
  );
}

function notes({ limit, seed, quiet, out }: Flags): string[] {
  if (quiet) return [];
  return [
    '',
    "* as in the paper's table; accuracies in per cent, errors are standard errors",
    ...(limit === undefined ? [] : [`at most ${limit} items of each task, drawn with seed ${seed}`]),
    ...(out === undefined ? [] : [`every score: ${out}`]),
  ];
}

function itemProgress(label: string, total: number, silent = false) {
  const progress = silent ? undefined : startProgress({ label, total });
  let right = 0;
  return {
    onItem: (done: number, scored: readonly ScoredItem[]) => {
      const { item, scores } = scored[done - 1]!;
      const sums = scores.map(({ logLikelihood }) => logLikelihood);
      const correct =
        item.gold === undefined ? scores[0]!.greedy : sums.indexOf(Math.max(...sums)) === item.gold;
      right += correct ? 1 : 0;
      const status = item.size ? '' : `acc ${((100 * right) / done).toFixed(1)}`;
      progress?.update(done, `${status}${status && ' · '}${done}/${total}`);
    },
    stop: () => progress?.stop(),
  };
}
