/**
 * What the cards say of models, measured: `npx node recipes/stories/evaluate.ts MODEL… --corpus FOLDER --tasks FOLDER`.
 *
 * Of each model, in this order: the six tasks of the paper's table, stories.valid, tinystories.valid. Each is a command
 * that anyone could type (`--dry-run` prints them), and continues where it was stopped; what WORK holds is not measured
 * again. Reports, small files for card.ts, go to RESULTS/evaluation; every score stays in WORK.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { evaluateCommand } from '../../src/cli/evaluate.ts';
import { reportFailure } from '../../src/cli/failure.ts';
import type { TaskReport } from '../../src/evaluate/report.ts';
import { replaceFile } from '../../src/text/replaceFile.ts';

export interface EvaluationOptions {
  /** Model folders; the names of the reports are theirs. */
  readonly models: readonly string[];
  /** Folder of stories.valid.txt.zst and tinystories.valid.txt.zst. */
  readonly corpus: string;
  /** Folder of the tasks' data, or "hub". */
  readonly tasks: string;
  readonly work: string;
  readonly results: string;
  readonly engine?: string | undefined;
  /** A sample of so many items of each task. */
  readonly limit?: string | undefined;
  /** Tokens that a model may see at once. */
  readonly window?: string | undefined;
}

export interface Measurement {
  /** Of its files, without extension. */
  readonly name: string;
  /** Of `plusminus evaluate`. */
  readonly args: readonly string[];
}

function measurementsOf(options: EvaluationOptions): Measurement[] {
  const { models, corpus, tasks, work, engine = 'cpu', limit, window } = options;
  const parts = [
    {
      part: limit === undefined ? 'tasks' : `tasks-${limit}`,
      args: ['--tasks', 'paper', '--data', tasks, ...(limit === undefined ? [] : ['--limit', limit])],
    },
    ...['stories', 'tinystories'].map((part) => ({
      part,
      args: ['--text', join(corpus, `${part}.valid.txt.zst`)],
    })),
  ];
  return models.flatMap((model) =>
    parts.map(({ part, args }) => {
      const name = `${basename(resolve(model))}-${engine}-${part}`;
      const place = [
        '--model',
        model,
        '--engine',
        engine,
        ...(window === undefined ? [] : ['--window', window]),
      ];
      return { name, args: [...place, ...args, '--out', join(work, `${name}.json`)] };
    }),
  );
}

/** @returns whether it came to its end; if not, it was interrupted */
export async function evaluateAll(options: EvaluationOptions, say = console.error): Promise<boolean> {
  const { work, results } = options;
  const reports = join(results, 'evaluation');
  for (const folder of [work, reports]) await mkdir(folder, { recursive: true });
  for (const { name, args } of measurementsOf(options)) {
    const out = join(work, `${name}.json`);
    const written = () => readFile(out, 'utf8').catch(() => undefined);
    if ((await written()) === undefined) {
      say(`plusminus evaluate ${args.join(' ')}`);
      await evaluateCommand()
        .exitOverride()
        .parseAsync([...args], { from: 'user' });
    }
    const text = await written();
    if (text === undefined) return false;
    await replaceFile(join(reports, `${name}.json`), `${JSON.stringify(reportOf(text), null, 2)}\n`);
  }
  return true;
}

/** What is to be kept of what `--out` wrote: neither every score nor where things were on this machine. */
function reportOf(text: string) {
  const {
    scores: _,
    model,
    tasks,
    ...report
  } = JSON.parse(text) as {
    readonly scores: unknown;
    readonly model: string;
    readonly tasks: readonly TaskReport[];
  };
  const kept = tasks.map((task) => ({ ...task, data: basename(task.data) }));
  return { model: basename(resolve(model)), ...report, tasks: kept };
}

const usage = `Usage: npx node recipes/stories/evaluate.ts MODEL... --corpus FOLDER --tasks FOLDER
  --corpus FOLDER   stories.valid.txt.zst and tinystories.valid.txt.zst
  --tasks FOLDER    the tasks' data, or "hub" (default)
  --engine NAME     cpu (default) or webgpu
  --limit N         a sample of N items of each task
  --window N        tokens that a model may see at once (default: what each was made for)
  --work FOLDER     every score; what is there is not measured again (default: runs/evaluation)
  --results FOLDER  reports go to its evaluation/ (default: results/stories)
  --dry-run         print the commands`;

async function main(args: readonly string[]): Promise<void> {
  const { values, positionals: models } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      corpus: { type: 'string' },
      tasks: { type: 'string', default: 'hub' },
      engine: { type: 'string' },
      limit: { type: 'string' },
      window: { type: 'string' },
      work: { type: 'string', default: 'runs/evaluation' },
      results: { type: 'string', default: join(import.meta.dirname, '../../results/stories') },
      'dry-run': { type: 'boolean', default: false },
    },
  });
  const { corpus } = values;
  if (corpus === undefined || models.length === 0) {
    console.error(usage);
    process.exitCode = 1;
    return;
  }
  const options = { ...values, corpus, models };
  if (values['dry-run']) {
    for (const { args: one } of measurementsOf(options))
      console.log(`npx plusminus evaluate ${one.join(' ')}`);
  } else if (!(await evaluateAll(options))) process.exitCode ||= 1;
}

if (import.meta.main) await main(process.argv.slice(2)).catch(reportFailure);
