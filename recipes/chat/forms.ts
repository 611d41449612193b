/**
 * JSON forms and calls of the held-out prompts, free and held to a schema: `npx node recipes/chat/forms.ts MODEL --cases FILE
 * [--engine NAME] [--out FILE]`. FILE is a report of gates.ts. Every answer is sampled as the page samples.
 */
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { reportFailure } from '../../src/cli/failure.ts';
import type { EngineChoice } from '../../src/engine/engines.ts';
import { chatOptions } from '../../src/generate/chatOptions.ts';
import { parseToolCalls } from '../../src/generate/tools/toolCalls.ts';
import { LanguageModel, type Tool } from '../../src/index.ts';
import { replaceFile } from '../../src/text/replaceFile.ts';
import { hashOf, readCases } from './gates.ts';
import type { Case } from './prompts.ts';

type Values = Readonly<Record<string, unknown>>;

/** What an answer says, undefined if it is not of the form; and whether it is what the prompt asks for. */
interface Filled {
  readonly values: Values | undefined;
  readonly right: boolean;
}

export interface FormCounts {
  readonly count: number;
  /** Of the form. */
  readonly valid: number;
  /** With the values that the prompt asks for. */
  readonly right: number;
}

export interface FormReport {
  /** SHA-256 of the weights' file. */
  readonly weights: string;
  readonly engine: string;
  readonly forms: { readonly free: FormCounts; readonly held: FormCounts };
  readonly calls: { readonly free: FormCounts; readonly held: FormCounts };
}

/** Fills in the form of a prompt: a JSON object with the fields of the reference. */
async function fill(model: LanguageModel, one: Case, seed: number, held: boolean): Promise<Filled> {
  const wanted = JSON.parse(one.reference!) as Values;
  const properties = Object.fromEntries(
    Object.entries(wanted).map(([key, value]) => [
      key,
      { type: typeof value === 'number' ? 'integer' : 'string' },
    ]),
  );
  const schema = { type: 'object', properties, required: Object.keys(wanted), additionalProperties: false };
  const { text } = await model.complete([{ role: 'user', content: one.turns[0]! }], {
    ...{ ...chatOptions, seed },
    ...(held && { responseFormat: { type: 'json' as const, schema } }),
  });
  return compared(parsed(text), wanted);
}

/** Calls one of the tools of the prompt's system message. */
async function call(model: LanguageModel, one: Case, seed: number, held: boolean): Promise<Filled> {
  const isTool = (name: string) => Object.hasOwn(tools, name);
  const tools = toolsOf(one.system!);
  const [wanted] = parseToolCalls(one.reference!, isTool).calls;
  const { calls } = await model.respond([{ role: 'user', content: one.turns[0]! }], {
    ...{ ...chatOptions, seed, tools, maxSteps: 3 },
    toolChoice: held ? 'required' : 'auto',
  });
  const [made] = calls;
  const values = made?.name === wanted!.name ? parsed(made.arguments) : undefined;
  return compared(values, parsed(wanted!.arguments)!);
}

function toolsOf(system: string): Record<string, Tool> {
  const definitions = system
    .split('\n')
    .slice(1)
    .map((line) => JSON.parse(line));
  return Object.fromEntries(
    definitions.map(({ name, description, parameters }) => [
      name,
      { description, parameters, run: () => 'ok' },
    ]),
  );
}

function parsed(text: string): Values | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function compared(values: Values | undefined, wanted: Values): Filled {
  const types = (of: Values) =>
    Object.fromEntries(Object.entries(of).map(([key, value]) => [key, typeof value]));
  const valid = values !== undefined && isDeepStrictEqual(types(values), types(wanted));
  return { values: valid ? values : undefined, right: isDeepStrictEqual(values, wanted) };
}

async function count(
  ask: typeof fill,
  model: LanguageModel,
  cases: readonly Case[],
  held: boolean,
): Promise<FormCounts> {
  const filled = await Promise.all(cases.map((one, index) => ask(model, one, index + 1, held)));
  const valid = filled.filter(({ values }) => values !== undefined).length;
  return { count: cases.length, valid, right: filled.filter(({ right }) => right).length };
}

async function measureForms(model: LanguageModel, cases: readonly Case[]) {
  const of = async (group: string, ask: typeof fill) => {
    const own = cases.filter((one) => one.group === group);
    return { free: await count(ask, model, own, false), held: await count(ask, model, own, true) };
  };
  return { forms: await of('forms', fill), calls: await of('tools', call) };
}

/** As a table of Markdown. */
export function formTable({ forms, calls }: Pick<FormReport, 'forms' | 'calls'>): string {
  const row = (name: string, { free, held }: FormReport['forms']) =>
    [name, free.count, free.valid, free.right, held.valid, held.right].join(' | ');
  return [
    '| prompts | count | free: valid | free: right | with the schema: valid | with the schema: right |',
    '| --- | ---: | ---: | ---: | ---: | ---: |',
    `| ${row('JSON forms of three fields', forms)} |`,
    `| ${row('calls of functions', calls)} |`,
  ].join('\n');
}

async function main(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      cases: { type: 'string' },
      engine: { type: 'string', default: 'cpu' },
      out: { type: 'string' },
    },
  });
  const [folder] = positionals;
  const { engine, cases, out } = values;
  if (!folder || positionals.length > 1 || cases === undefined) {
    console.error('Usage: npx node recipes/chat/forms.ts MODEL --cases FILE [--engine NAME] [--out FILE]');
    process.exitCode = 1;
    return;
  }
  await using model = await LanguageModel.load(folder, { engine: engine as EngineChoice });
  const report: FormReport = {
    ...{ weights: await hashOf(folder), engine },
    ...(await measureForms(model, await readCases(cases))),
  };
  if (out !== undefined) await replaceFile(out, `${JSON.stringify(report, undefined, 1)}\n`);
  console.log(formTable(report));
}

if (import.meta.main) await main(process.argv.slice(2)).catch(reportFailure);
