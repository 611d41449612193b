/** Samples of evaluation sets as local copies of the Hub's datasets, which lm-evaluation-harness and we both read. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findDataFiles } from '../../src/evaluate/dataFiles.ts';
import { readRows } from '../../src/evaluate/rows.ts';
import { drawItems } from '../../src/evaluate/sample.ts';
import type { Row, Task } from '../../src/evaluate/task.ts';
import { pagesOf } from '../../src/evaluate/tasks/wikitext/wikitext.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Where the harness looks, if not where our task does. */
const harnessNames: Readonly<Record<string, string>> = { piqa: 'baber/piqa' };

/** Flat rows, `{question, choices, gold}` and the like, as the Hub has them; its own rows stay as they are. */
const hubRows: Readonly<Record<string, (fields: Fields) => Fields>> = {
  arc_easy: multipleChoice('question'),
  arc_challenge: multipleChoice('question'),
  openbookqa: multipleChoice('question_stem'),
  hellaswag: (fields) => {
    if (!('query' in fields)) return fields;
    const [label, ...rest] = String(fields.query).split(': ');
    const { choices: endings, gold } = fields;
    return { activity_label: label, ctx_a: rest.join(': '), ctx_b: '', endings, label: String(gold) };
  },
  piqa: ({ goal, sol1, sol2, label }) => ({ goal, sol1, sol2, label: Number(label) }),
  winogrande: ({ sentence, option1, option2, answer }) => ({ sentence, option1, option2, answer }),
  lambada_openai: (fields) =>
    'text' in fields ? fields : { text: `${fields.context} ${fields.continuation}` },
  wikitext: (fields) => fields,
};

function multipleChoice(question: string): (fields: Fields) => Fields {
  return (fields) => {
    if (!Array.isArray(fields.choices)) return fields;
    const label = fields.choices.map((_, place) => 'ABCDEFGH'[place]!);
    return {
      ...{ id: String(fields.id), [question]: fields.question },
      choices: { text: fields.choices, label },
      answerKey: label[Number(fields.gold)],
    };
  };
}

/**
 * Draws rows of a task by seed and writes them as `<dataset>/<config>/<split>….jsonl` below `folder`.
 * @returns how many
 */
export async function writeSample(
  task: Task,
  { data, folder, items, seed }: { data: string; folder: string; items: number; seed: number },
): Promise<number> {
  const rows: Row[] = [];
  for await (const row of readRows(await findDataFiles(task, data))) rows.push(...articlesOf(task, row));
  const drawn = drawItems(
    rows.map(({ where }, index) => ({ where, requests: [], index })),
    items,
    seed,
  ).map(({ index }) => hubRows[task.name]!(rows[index!]!.fields));
  const { id, config, split } = task.dataset;
  const home = join(folder, harnessNames[task.name] ?? id);
  const path = join(config ?? 'data', `${split}-00000-of-00001.jsonl`);
  await mkdir(join(home, config ?? 'data'), { recursive: true });
  await writeFile(join(home, path), drawn.map((row) => `${JSON.stringify(row)}\n`).join(''));
  // The datasets library finds configurations in this file's header.
  // The harness wants the other splits too, for examples that no task here shows.
  const splits = ['train', 'validation', 'test'].map((name) => ({ split: name, path }));
  const configs = { config_name: config ?? 'default', data_files: splits };
  await addConfig(join(home, 'README.md'), configs);
  return drawn.length;
}

/** One text of many articles becomes a row for each. */
function articlesOf(task: Task, row: Row): Row[] {
  if (task.name !== 'wikitext' || 'page' in row.fields) return [row];
  return [...pagesOf(String(row.fields.text))].map((page, k) => ({
    where: `${row.where}, article ${k + 1}`,
    fields: { page },
  }));
}

const known = new Map<string, object[]>();

/** YAML holds JSON. Datasets with several configurations are written in turns. */
async function addConfig(path: string, config: object): Promise<void> {
  const configs = [...(known.get(path) ?? []), config];
  known.set(path, configs);
  await writeFile(path, `---\nconfigs: ${JSON.stringify(configs)}\n---\n`);
}
