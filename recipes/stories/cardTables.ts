/** The tables of a card, from the reports of `plusminus evaluate --json`. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import * as v from 'valibot';
import { InputError } from '../../src/errors.ts';

const schema = v.object({
  /** As it was named in the command: a folder, or plusminus/stories. */
  model: v.string(),
  engine: v.string(),
  tasks: v.array(
    v.object({
      task: v.string(),
      data: v.string(),
      items: v.number(),
      headline: v.string(),
      metrics: v.array(
        v.object({ name: v.string(), value: v.number(), standardError: v.optional(v.nullable(v.number())) }),
      ),
    }),
  ),
});

export type Report = v.InferOutput<typeof schema>;

type TaskReport = Report['tasks'][number];

/** What guessing reaches, in per cent. */
const chance: Readonly<Record<string, number>> = {
  arc_easy: 25,
  arc_challenge: 25,
  hellaswag: 25,
  openbookqa: 25,
  piqa: 50,
  winogrande: 50,
  lambada_openai: 0,
};

/** @throws InputError if there is none, or one is malformed */
export async function readReports(folder: string): Promise<Report[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.json')).sort();
  if (names.length === 0) {
    throw new InputError(`${folder}: found no report, expected what "plusminus evaluate --json" prints`);
  }
  return Promise.all(
    names.map(async (name) => {
      const result = v.safeParse(schema, JSON.parse(await readFile(join(folder, name), 'utf8')));
      if (result.success) return result.output;
      const [issue] = result.issues;
      throw new InputError(
        `${join(folder, name)}: ${v.getDotPath(issue) ?? 'the content'}: found ${issue.received}, expected ${issue.expected}`,
      );
    }),
  );
}

/** Bits a byte of each text, for each model and engine. */
export function lossTable(reports: readonly Report[], model: string, beside?: string): string {
  const rows = columnsOf(reports, model, beside).flatMap(({ label, report }) =>
    report.tasks.flatMap((task) => {
      const bits = metric(task, 'bits_per_byte');
      return bits === undefined ? [] : [[label, textName(task), bits.value.toFixed(4)]];
    }),
  );
  return table(['model', 'text', 'bits a byte'], sorted(rows));
}

/** Accuracies beside chance. */
export function taskTable(reports: readonly Report[], model: string, beside?: string): string {
  const rows = columnsOf(reports, model, beside).flatMap(({ label, report }) =>
    report.tasks.flatMap((task) => {
      const found = metric(task, task.headline);
      const guess = chance[task.task];
      if (!found || guess === undefined) return [];
      const error = found.standardError ? ` ± ${(100 * found.standardError).toFixed(1)}` : '';
      return [
        [
          label,
          `${task.task} (${task.headline})`,
          `${(100 * found.value).toFixed(1)}${error}`,
          guess.toFixed(1),
          String(task.items),
        ],
      ];
    }),
  );
  if (rows.length === 0) return 'Not measured yet.';
  return table(['model', 'task', 'per cent', 'chance', 'items'], sorted(rows));
}

/** The reports on this model and on the one beside it, by name and engine. */
function columnsOf(reports: readonly Report[], model: string, beside: string | undefined) {
  const wanted = [model, ...(beside === undefined ? [] : [beside])];
  const found = reports
    .filter((report) => wanted.includes(basename(report.model)))
    .map((report) => ({ label: `${basename(report.model)}, ${report.engine.split(' ')[0]}`, report }));
  for (const name of wanted) {
    if (found.some(({ report }) => basename(report.model) === name)) continue;
    throw new InputError(`evaluation: found no report on "${name}" among ${reports.length}, expected one`);
  }
  return found;
}

function metric(task: TaskReport, name: string) {
  return task.metrics.find((one) => one.name === name);
}

/** `…/stories.valid.txt.zst` → stories.valid */
function textName({ task, data }: TaskReport): string {
  return task === 'text' ? basename(data).replace(/\.txt(\.zst|\.gz)?$/, '') : task;
}

function sorted(rows: string[][]): string[][] {
  return rows.sort((a, b) => a[1]!.localeCompare(b[1]!) || a[0]!.localeCompare(b[0]!));
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, k) => (k < 2 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}
