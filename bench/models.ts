/**
 * The sizes of models that people have, ours and llama.cpp on the same file: `npm run bench -- --models`. Writes
 * results/models.json and .md after each measurement. Every measurement runs in its own process: a round takes all models
 * and all contenders in turn. Medians are reported.
 */
import { readFile, stat, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { InputError } from '../src/errors.ts';
import { nativeVariants } from '../src/platform/nativeLibrary.ts';
import { type ChildOptions, child, childWith } from './child.ts';
import type { LlamaCpp } from './llamaCpp.ts';
import type { LlamaCppResult } from './llamaCppCase.ts';
import { type ModelName, modelFile, modelNames, smallModelFile } from './modelFiles.ts';
import { outputPath } from './outputPath.ts';
import { type Contender, type InferenceResult, ours } from './protocol.ts';
import { modelsFolder } from './randomModel.ts';
import { median } from './statistics.ts';

export interface ModelsOptions {
  /** Names of shapes, separated by commas, or all of them. */
  readonly models: string | true;
  readonly threads: readonly number[];
  readonly rounds: number;
  /** The measurement that is running when they are over is ended and left out; default: no limit. */
  readonly minutes: number | undefined;
  readonly llama: LlamaCpp | undefined;
  readonly out: string | undefined;
}

interface Row {
  readonly model: string;
  readonly engine: string;
  readonly threads: number;
  readonly fileBytes: number;
  /** Processes that were measured. */
  readonly runs: number;
  readonly loadSeconds: number;
  readonly residentBytes: number;
  readonly decodeTokensPerSecond: number;
  readonly promptTokensPerSecond: number;
}

interface Report {
  readonly machine: { readonly processor: string; readonly cores: number; readonly node: string };
  readonly date: string;
  /** The other program and its version. */
  readonly rival?: string;
  readonly rows: readonly Row[];
}

export async function measureModels(options: ModelsOptions): Promise<void> {
  const { rounds, minutes, llama } = options;
  const out = await outputPath(options.out, 'models');
  const end = minutes === undefined ? undefined : AbortSignal.timeout(60_000 * minutes);
  const cases: Case[] = [];
  for (const name of modelNames(options.models)) cases.push(...(await casesOf(name, options)));
  await compileSources();
  const turns = Array.from({ length: rounds }, (_, k) => cases.map((one) => ({ one, round: k + 1 }))).flat();
  for (const { one, round } of turns) {
    console.error(`${one.model}, ${one.engine}, ${one.threads} thread(s), round ${round} of ${rounds}`);
    const result = await inTime(one, end);
    if (!result) break;
    one.results.push(result);
    await write(out, reportOf(cases, llama));
  }
  if (cases.every(({ results }) => results.length === 0))
    throw new InputError(`--minutes: no measurement ended within ${minutes}; give more`);
  console.log(await readFile(`${out}.md`, 'utf8'));
}

/** The first process compiles the sources, which takes memory and time that later ones do not: so none is measured. */
async function compileSources(): Promise<void> {
  const { path } = await smallModelFile(modelsFolder);
  await child('inferenceCase.ts', path, 1);
}

/** One measurement; undefined if the time ends before it does. */
async function inTime({ measure, threads }: Case, end?: AbortSignal): Promise<InferenceResult | undefined> {
  if (end?.aborted) return undefined;
  try {
    return await measure(threads, end);
  } catch (error) {
    if (end?.aborted) return undefined;
    throw error;
  }
}

interface Case extends Contender {
  readonly model: ModelName;
  readonly threads: number;
  readonly fileBytes: number;
  readonly results: InferenceResult[];
}

async function write(out: string, report: Report): Promise<void> {
  await writeFile(`${out}.json`, `${JSON.stringify(report, undefined, 2)}\n`);
  await writeFile(`${out}.md`, markdown(report));
}

/** Of the cases that were measured so far. */
function reportOf(cases: readonly Case[], llama: LlamaCpp | undefined): Report {
  return {
    machine: {
      processor: cpus()[0]!.model.trim(),
      cores: availableParallelism(),
      node: process.versions.node,
    },
    date: new Date().toISOString().slice(0, 10),
    ...(llama ? { rival: `node-llama-cpp ${llama.version}` } : {}),
    rows: cases.filter(({ results }) => results.length > 0).map(rowOf),
  };
}

async function casesOf(name: ModelName, { threads, llama }: ModelsOptions): Promise<Case[]> {
  const { path, bytesPerToken } = await modelFile(name, modelsFolder);
  const fileBytes = (await stat(path)).size;
  const contender = (engine: string, options: ChildOptions): Contender => ({
    engine,
    measure: (count, signal) =>
      childWith<InferenceResult>({ ...options, signal }, 'inferenceCase.ts', path, count),
  });
  const contenders = [
    contender(ours, { env: { PLUSMINUS_NATIVE: 'off' } }),
    // The fastest that this processor has, which is what users get.
    ...nativeVariants()
      .slice(-1)
      .map(({ variant }) => contender(`${ours}, native ${variant}`, { env: { PLUSMINUS_NATIVE: variant } })),
  ];
  if (llama) {
    const measure: Contender['measure'] = async (count, signal) => ({
      ...(await childWith<LlamaCppResult>({ signal }, 'llamaCppCase.ts', path, count, llama.entry)),
      bytesPerToken,
    });
    contenders.push({ engine: 'llama.cpp', measure });
  }
  return threads.flatMap((count) =>
    contenders.map((contender) => ({
      ...contender,
      ...{ model: name, threads: count, fileBytes, results: [] },
    })),
  );
}

function rowOf({ model, engine, threads, fileBytes, results }: Case): Row {
  const middle = (field: keyof InferenceResult) => median(results.map((result) => result[field] as number));
  return {
    ...{ model, engine, threads, fileBytes, runs: results.length },
    loadSeconds: middle('loadMilliseconds') / 1000,
    residentBytes: middle('residentBytes'),
    decodeTokensPerSecond: middle('decodeTokensPerSecond'),
    promptTokensPerSecond: middle('promptTokensPerSecond'),
  };
}

function markdown({ machine, date, rival, rows }: Report): string {
  const runs = rows.map((row) => row.runs);
  const [fewest, most] = [Math.min(...runs), Math.max(...runs)];
  const other = (row: Row) =>
    rows.find(
      ({ engine, model, threads }) =>
        engine === 'llama.cpp' && model === row.model && threads === row.threads,
    );
  const ratio = (row: Row, field: 'decodeTokensPerSecond' | 'promptTokensPerSecond') => {
    const theirs = other(row);
    return theirs && theirs !== row ? ` (${(row[field] / theirs[field]).toFixed(2)} ×)` : '';
  };
  return [
    '# Models that people have, on the CPU',
    '',
    `\`npm run bench -- --models\`, ${date}: ${machine.processor}, ${machine.cores} cores, Node ${machine.node}. ` +
      `Random weights in the models' sizes and types, one GGUF file for all; processes in turn (of a row: ${fewest === most ? most : `${fewest} to ${most}`}), and their medians. ` +
      `A prompt of 512 tokens, then decoding.${rival ? ` In brackets: relative to llama.cpp (${rival}).` : ''}`,
    '',
    '| model | engine | threads | file MB | load s | resident MB | decode tokens/s | prompt tokens/s |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows.map((row) => {
      const cells = [
        ...[
          row.model,
          row.engine,
          `${row.threads}`,
          (row.fileBytes / 1e6).toFixed(0),
          row.loadSeconds.toFixed(1),
        ],
        (row.residentBytes / 1e6).toFixed(0),
        row.decodeTokensPerSecond.toFixed(1) + ratio(row, 'decodeTokensPerSecond'),
        row.promptTokensPerSecond.toFixed(0) + ratio(row, 'promptTokensPerSecond'),
      ];
      return `| ${cells.join(' | ')} |`;
    }),
    '',
  ].join('\n');
}
