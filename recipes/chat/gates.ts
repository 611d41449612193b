/**
 * Measures a chat model on the held-out prompts: `npx node recipes/chat/gates.ts MODEL --corpus CORPUS [--engine NAME]
 * [--out FILE]`, or with the prompts of an earlier file (`--cases FILE`), without a corpus.
 *
 * Every answer is sampled as the page samples, with a seed of its own. FILE holds prompts, answers and verdicts.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { modelsFolder } from '../../src/checkpoint/bundledModels.ts';
import { reportFailure } from '../../src/cli/failure.ts';
import type { EngineChoice } from '../../src/engine/engines.ts';
import { InputError } from '../../src/errors.ts';
import { chatOptions } from '../../src/generate/chatOptions.ts';
import type { Finish } from '../../src/generate/generate.ts';
import { LanguageModel } from '../../src/languageModel.ts';
import type { ChatMessage } from '../../src/text/corpus.ts';
import { replaceFile } from '../../src/text/replaceFile.ts';
import { progressLine } from '../stories/progressLine.ts';
import { type Answer, type GateResult, gateResults, type Judged, judge } from './judge.ts';
import { type Case, heldOutCases } from './prompts.ts';
import { readSources } from './sources.ts';

/** Talks that run at the same time, in one batch. */
const together = 32;

export interface GateReport {
  readonly model: string;
  /** SHA-256 of the weights' file. */
  readonly weights: string;
  readonly engine: string;
  readonly sampling: typeof chatOptions;
  readonly results: readonly GateResult[];
  readonly cases: readonly Judged[];
}

export async function measure(
  model: LanguageModel,
  cases: readonly Case[],
  onProgress: (done: number) => void = () => {},
): Promise<Judged[]> {
  const judged: Judged[] = new Array(cases.length);
  let next = 0;
  let done = 0;
  const work = async () => {
    for (let index = next++; index < cases.length; index = next++) {
      judged[index] = judge(cases[index]!, await answer(model, cases[index]!, index + 1));
      onProgress(++done);
    }
  };
  await Promise.all(Array.from({ length: together }, work));
  return judged;
}

/** The answer to the last turn, after the model has answered all others. */
async function answer(model: LanguageModel, { system, turns }: Case, seed: number): Promise<Answer> {
  const messages: ChatMessage[] = system === undefined ? [] : [{ role: 'system', content: system }];
  let last: Answer = { text: '', ended: false };
  for (const content of turns) {
    messages.push({ role: 'user', content });
    last = await next(model, messages, seed);
    messages.push({ role: 'assistant', content: last.text });
  }
  return last;
}

async function next(model: LanguageModel, messages: readonly ChatMessage[], seed: number): Promise<Answer> {
  let text = '';
  let reason: Finish['reason'] | undefined;
  const onFinish = (finish: Finish) => {
    reason = finish.reason;
  };
  for await (const piece of model.generate(messages, { ...chatOptions, seed, onFinish })) text += piece;
  return { text: text.trim(), ended: reason === 'eos' || reason === 'stop' };
}

/** The gates as a table of Markdown. */
export function gateTable(reports: readonly GateReport[]): string {
  const [first] = reports;
  if (!first) throw new InputError('gates: found no report, expected at least one');
  const columns = reports.map(({ model, engine }) => `${model}, ${engine}`);
  const cell = ({ right, count }: GateResult) => `${((100 * right) / count).toFixed(1)}`;
  const rows = first.results.map(({ group, count }) => [
    group,
    String(count),
    ...reports.map(({ results }) => cell(results.find((result) => result.group === group)!)),
  ]);
  const cut = reports.map(({ results }) => String(results.reduce((sum, result) => sum + result.cut, 0)));
  const total = first.results.reduce((sum, { count }) => sum + count, 0);
  const lines = [
    ['prompts', 'count', ...columns],
    ['---', '---:', ...columns.map(() => '---:')],
    ...rows,
    ['answers cut by the limit', String(total), ...cut],
  ];
  return lines.map((line) => `| ${line.join(' | ')} |`).join('\n');
}

async function main(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      corpus: { type: 'string' },
      cases: { type: 'string' },
      engine: { type: 'string', default: 'cpu' },
      out: { type: 'string' },
    },
  });
  const [folder] = positionals;
  const { engine, corpus, cases: earlier, out } = values;
  if (!folder || positionals.length > 1 || (corpus === undefined) === (earlier === undefined)) {
    console.error(
      'Usage: npx node recipes/chat/gates.ts MODEL --corpus CORPUS | --cases FILE [--engine NAME] [--out FILE]',
    );
    process.exitCode = 1;
    return;
  }
  const cases = earlier === undefined ? await madeCases(corpus!) : await readCases(earlier);
  await using model = await LanguageModel.load(folder, { engine: engine as EngineChoice });
  const say = progressLine();
  const judged = await measure(model, cases, (done) => say(`${done} of ${cases.length} answers`));
  const report: GateReport = {
    ...{ model: basename(resolve(folder)), weights: await hashOf(folder), engine, sampling: chatOptions },
    ...{ results: gateResults(judged), cases: judged },
  };
  if (out !== undefined) await replaceFile(out, `${JSON.stringify(report, undefined, 1)}\n`);
  console.log(gateTable([report]));
}

/** SHA-256 of a model's weights. */
export async function hashOf(folder: string): Promise<string> {
  const weights = await readFile(join(folder, 'model.safetensors'));
  return createHash('sha256').update(weights).digest('hex');
}

async function madeCases(corpus: string): Promise<Case[]> {
  return heldOutCases(await readSources(corpus, join(modelsFolder, 'stories'), true));
}

export async function readCases(file: string): Promise<Case[]> {
  return JSON.parse(await readFile(file, 'utf8')).cases as Case[];
}

if (import.meta.main) await main(process.argv.slice(2)).catch(reportFailure);
