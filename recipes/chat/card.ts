/**
 * The card of the bundled chat, from what was measured: `npx node recipes/chat/card.ts RESULTS [--models FOLDER]`.
 *
 *   RESULTS/gates-*.json   what gates.ts wrote, for each engine; of another model, it is the one before
 *   RESULTS/forms.json     what forms.ts wrote: JSON forms and calls, free and held to a schema
 *   RESULTS/chat/          log.jsonl and training.json of the long run
 *
 * Samples are answers of these files as they stand: the first of each kind of prompt, and the first that are wrong.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { modelsFolder } from '../../src/checkpoint/bundledModels.ts';
import { reportFailure } from '../../src/cli/failure.ts';
import { formatBytes } from '../../src/format.ts';
import { replaceFile } from '../../src/text/replaceFile.ts';
import { folderBytes, readTraining, trainingText } from '../stories/card.ts';
import { type Facts, readFacts } from './facts.ts';
import { type FormReport, formTable } from './forms.ts';
import { type GateReport, gateTable } from './gates.ts';
import { type Judged, thresholds } from './judge.ts';

const shownFailures = 8;

export interface ChatCardFacts {
  readonly facts: Facts;
  readonly bytes: number;
  /** The first is the one that samples are taken from. */
  readonly reports: readonly GateReport[];
  readonly forms: FormReport;
  /** How it was trained, in a paragraph. */
  readonly training: string;
  /** Markdown on texts and licences. */
  readonly data: string;
}

/** The text of `models/chat/README.md`. */
function chatCard({ facts, bytes, reports, forms, training, data }: ChatCardFacts): string {
  const { cases, sampling, results } = reports[0]!;
  const demanded = Object.entries(thresholds)
    .filter(([group]) => results.some((result) => result.group === group))
    .map(([group, percent]) => `${group} ${percent}`);
  return `---
license: apache-2.0
language: en
library_name: plusminus
pipeline_tag: text-generation
tags: [matmul-free, ternary, hgrn_bit]
base_model: plusminus/stories
---
# plusminus/chat

A small model that adds and subtracts, and talks about it: ${facts.parameters} parameters, nearly all of them −1, 0 or +1, in
${formatBytes(bytes)} with its tokenizer. It knows one narrow world and says so when a question lies outside: itself, sums and differences
up to twenty, counting, short stories about what you name, word games, and what you told it earlier in the talk.

\`\`\`sh
npx plusminus chat
\`\`\`

## How well it answers

Per cent of held-out prompts whose answer passes a rule: no training talk contains their wordings. "novel wordings" are forms of
which no part was taught; the others are new combinations of parts that were. "unseen": a program never told or asked for these subjects and names. Aims: ${demanded.join(', ')}. Each answer is sampled
once, with a seed of its own: temperature ${sampling.temperature}, top-p ${sampling.topP}, at most ${sampling.maxTokens} tokens.

${gateTable(reports)}

Forms and calls of the same prompts, free and held to their schema, sampled on ${forms.engine}. Valid: the fields and types that
were asked for. Right: their values, too.

${formTable(forms)}

## Samples

The first prompt of each kind, not selected.

${firsts(cases).map(sample).join('\n\n')}

The first wrong answers of different kinds:

${failures(cases).map(sample).join('\n\n')}

## How it was made

By \`recipes/chat\`, which contains all settings and the script: a program writes the talks. This chat was trained from the one
before it, and the first of them from plusminus/stories.

${training}

## Limits

- It knows one small world, makes mistakes, and understands only plain English. Do not take its words for advice or fact.
- It mixes up several people of one talk, and long rare names lose letters.
- It often approves a wrong sum or comparison (“1 + 1 = 3, right?”, “Is 17 less than 18?”), calls right answers in its quiz
  wrong, and invents a sentence when asked what was just said.
- Questions in unusual words are often taken for ones that it cannot answer.
- Its stories follow a few dozen plots; some repeat short stories of its training nearly word for word.
- It has no safety training beyond declining what it does not know.

## Data and licences

The talks are made by the recipe. Trivia questions and errands in them, and the texts that plusminus/stories was trained on:

${data.trim().replace(/^.*\n\n/, '')}
`;
}

function firsts(cases: readonly Judged[]): Judged[] {
  return [...Map.groupBy(cases, ({ group }) => group).values()].map(([first]) => first!);
}

function failures(cases: readonly Judged[]): Judged[] {
  const wrong = cases.filter(({ right }) => !right);
  return firsts(wrong).slice(0, shownFailures);
}

function sample({ group, turns, answer, system }: Judged): string {
  const before = turns.length > 1 ? ` (after ${turns.length - 1} other turns: “${turns[0]}” …)` : '';
  const tools = system === undefined ? '' : ' (with tools)';
  const lines = [`**${turns.at(-1)}** · ${group}${before}${tools}`, '', answer].join('\n').split('\n');
  return lines.map((line) => `> ${line}`.trimEnd()).join('\n');
}

async function gather(results: string, models: string): Promise<ChatCardFacts> {
  const names = (await readdir(results)).filter((name) => /^gates-.*\.json$/.test(name)).sort();
  const reports = await Promise.all(
    names.map(async (name) => JSON.parse(await readFile(join(results, name), 'utf8')) as GateReport),
  );
  // The chat itself on each engine, then the one before it.
  reports.sort((a, b) => Number(a.model !== 'chat') - Number(b.model !== 'chat'));
  const named = reports.map((report) => (report.model === 'chat' ? report : { ...report, model: 'before' }));
  return {
    facts: await readFacts(join(models, 'chat')),
    bytes: await folderBytes(join(models, 'chat')),
    reports: named,
    forms: JSON.parse(await readFile(join(results, 'forms.json'), 'utf8')) as FormReport,
    training: trainingText('Fine-tuning', await readTraining(join(results, 'chat'))),
    data: await readFile(join(import.meta.dirname, '../stories/data.md'), 'utf8'),
  };
}

async function main(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { models: { type: 'string', default: modelsFolder } },
  });
  const [results] = positionals;
  if (!results || positionals.length > 1) {
    console.error('Usage: npx node recipes/chat/card.ts RESULTS [--models FOLDER]');
    process.exitCode = 1;
    return;
  }
  const path = join(values.models, 'chat', 'README.md');
  await replaceFile(path, chatCard(await gather(results, values.models)));
  console.error(path);
}

if (import.meta.main) await main(process.argv.slice(2)).catch(reportFailure);
