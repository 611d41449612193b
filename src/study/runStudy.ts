/** Executes a study: stores runs with their provenance, and writes the report. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { cpus, platform } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { chooseEngine, createEngine, engineKind } from '../engine/engines.ts';
import { FolderLock } from '../folderLock.ts';
import { formatDuration } from '../format.ts';
import { alone, type Group } from '../mpi/group.ts';
import { replaceFile } from '../text/replaceFile.ts';
import { Experiments, TakenError } from './experiments.ts';
import { formatReport } from './formatReport.ts';
import {
  type PlannedRun,
  type Report,
  type Study,
  type StudyContext,
  type StudyOptions,
  TimeUpError,
} from './study.ts';

/** How a result was produced. */
export interface Provenance {
  readonly command: string;
  /** Commit of this repository; "+" marks uncommitted changes. */
  readonly commit: string;
  readonly date: string;
  readonly engine: string;
  readonly processor: string;
  readonly node: string;
  readonly seed: number;
}

export interface RunStudyOptions {
  readonly options: StudyOptions;
  /** Command line that repeats the study. */
  readonly command: string;
  /** Folder for runs: `<runs>/<study>/<run>-<hash>/result.json`. */
  readonly runs: string;
  /** Folder for the report: `<out>/<study>/`. */
  readonly out: string;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
  /** Ranks that share the experiments; all call `runStudy` and see the same folder of runs. */
  readonly group?: Group | undefined;
  /** Whether it writes the report; default: rank 0 does. */
  readonly publishes?: boolean | undefined;
}

interface KeptRun {
  readonly settings: unknown;
  readonly provenance: Provenance;
  readonly seconds: number;
  readonly result: unknown;
}

/** Quick studies get folders of their own, so that they are not mistaken for full ones. */
function folderName({ name }: Study, { quick }: StudyOptions): string {
  return quick ? `${name}-quick` : name;
}

/** Milliseconds between reports that have to be made first. */
const reportPause = 10_000;

/** @throws the signal's reason if it is aborted; finished experiments are kept */
export async function runStudy(study: Study, run: RunStudyOptions): Promise<string> {
  const { options, signal, say, runs, group = alone, publishes = group.rank === 0 } = run;
  const name = folderName(study, options);
  const [folder, out] = [join(runs, name), join(run.out, name)];
  const here = once(() => provenanceOf(run));
  // Provenance of the latest run: a rewritten report names where its runs were made.
  let provenance: Provenance | undefined;
  await mkdir(folder, { recursive: true });
  const started = performance.now();
  let [done, known] = [0, 0];
  const experiments = new Experiments(group, signal);
  let published = Promise.resolve();
  let publishedAt = Number.NEGATIVE_INFINITY;
  /** The latest report that has not been written. */
  let waiting: (() => Promise<void>) | undefined;
  const flush = () => {
    const next = waiting;
    waiting = undefined;
    // Reports of concurrent experiments are written one after another.
    if (next) published = published.then(next);
    return published;
  };
  const context: StudyContext = {
    ...{ options, signal, say, folder: runs, group },
    async run<R>(title: string, settings: object, body: (folder: string) => Promise<R>, seconds?: number) {
      const all = { ...settings, seed: options.seed, engine: options.engine };
      const runFolder = join(folder, `${title}-${hashOf(all)}`);
      const answer = await experiments.ask(runFolder, () =>
        onlyOnce(runFolder, async () => {
          const began = performance.now();
          refuseWithoutTime(title, (began - started) / 1000, seconds ?? 0, options.minutes);
          say(seconds === undefined ? title : `${title}: about ${formatDuration(seconds)}`);
          await mkdir(runFolder, { recursive: true });
          const madeHere = await here();
          const result = await body(runFolder);
          const took = (performance.now() - began) / 1000;
          return { settings: all, provenance: madeHere, seconds: took, result };
        }),
      );
      if (answer.isKnown) known++;
      else done++;
      provenance = answer.provenance;
      return answer.result as R;
    },
    publish(report) {
      if (!publishes) return published;
      const madeBy = provenance;
      waiting = async () => {
        const made = typeof report === 'function' ? report() : report;
        await publish(out, name, made, madeBy ?? (await here()));
      };
      // Making a report may take seconds, in which trainings of this process would wait.
      if (typeof report === 'function' && performance.now() - publishedAt < reportPause) return published;
      publishedAt = performance.now();
      return flush();
    },
  };
  try {
    await study.carryOut(context);
  } catch (error) {
    if (!(error instanceof TimeUpError)) throw error;
    say(`${error.message}; run the same command to resume`);
  } finally {
    await flush();
  }
  say(`${done} runs done${known > 0 ? `, ${known} known from before` : ''}`);
  return join(out, `${name}.md`);
}

/**
 * The stored result of a run, or that of `make`, which is then stored. One process at a time makes it.
 * @throws TakenError if another process does
 */
async function onlyOnce(folder: string, make: () => Promise<KeptRun>) {
  const known = async () => {
    const kept = await readResult(folder);
    return kept && { result: kept.result, provenance: kept.provenance, isKnown: true };
  };
  const earlier = await known();
  if (earlier) return earlier;
  // Beside the run's folder, which a training run wants for itself.
  const lock = await FolderLock.takeIfFree(dirname(folder), `.${basename(folder)}`);
  if (!lock) throw new TakenError(`${folder}: another process is doing this run`);
  try {
    const meanwhile = await known();
    if (meanwhile) return meanwhile;
    const run = await make();
    await replaceFile(join(folder, 'result.json'), `${JSON.stringify(run, undefined, 2)}\n`);
    return { result: run.result, provenance: run.provenance, isKnown: false };
  } finally {
    await lock.release();
  }
}

/** Lists the runs of a study without running any. */
export async function planStudy(
  study: Study,
  { options, runs, signal, say }: Pick<RunStudyOptions, 'options' | 'runs' | 'signal' | 'say'>,
): Promise<readonly PlannedRun[]> {
  const refuse = () => Promise.reject(new Error('planning: found work to do, expected none'));
  const context = { options, signal, say, folder: runs, run: refuse, publish: refuse };
  if (!study.plan) return [];
  await mkdir(runs, { recursive: true });
  return study.plan(context);
}

function refuseWithoutTime(title: string, used: number, needed: number, minutes: number | undefined): void {
  if (minutes === undefined || used + needed <= 60 * minutes) return;
  throw new TimeUpError(
    `${title} would take about ${formatDuration(needed)}, found ${formatDuration(Math.max(0, 60 * minutes - used))} left`,
  );
}

async function publish(out: string, name: string, report: Report, provenance: Provenance): Promise<void> {
  await mkdir(out, { recursive: true });
  for (const { name: figure, svg } of report.figures) await replaceFile(join(out, `${figure}.svg`), svg);
  const { title, text, tables, data } = report;
  const json = { title, provenance, text, tables, data };
  await replaceFile(join(out, `${name}.json`), `${JSON.stringify(json, undefined, 2)}\n`);
  await replaceFile(join(out, `${name}.md`), formatReport(report, provenance));
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

async function readResult(folder: string): Promise<KeptRun | undefined> {
  const text = await readFile(join(folder, 'result.json'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  return text === undefined ? undefined : (JSON.parse(text) as KeptRun);
}

function hashOf(settings: object): string {
  return createHash('sha256').update(JSON.stringify(settings)).digest('hex').slice(0, 8);
}

async function provenanceOf({ options, command }: RunStudyOptions): Promise<Provenance> {
  return {
    command,
    commit: await currentCommit(),
    date: new Date().toISOString(),
    engine: await engineOf(options),
    processor: `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, ${platform()}`,
    node: process.version,
    seed: options.seed,
  };
}

/** Includes the name of the GPU. */
async function engineOf({ engine: choice }: StudyOptions): Promise<string> {
  const engine = await chooseEngine(choice);
  if (engineKind(engine).runsOn !== 'gpu') return engine;
  const found = await createEngine(engine);
  await found.dispose();
  return `${found.name} on ${found.description}`;
}

async function currentCommit(): Promise<string> {
  const git = async (...args: string[]) =>
    (await promisify(execFile)('git', args, { cwd: import.meta.dirname })).stdout.trim();
  try {
    const changes = await git('status', '--porcelain', '--untracked-files=no');
    return `${await git('rev-parse', '--short=12', 'HEAD')}${changes ? '+' : ''}`;
  } catch {
    return 'unknown'; // an installed package is not a repository
  }
}
