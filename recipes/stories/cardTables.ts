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
      sample: v.optional(v.object({ of: v.number(), seed: v.number() })),
      headline: v.string(),
      baselines: v.optional(v.object({ chance: v.number(), majority: v.number() })),
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

/** Bits a byte of each text; models and engines side by side. */
export function lossTable(reports: readonly Report[], model: string, beside?: string): string {
  const cells = columnsOf(reports, model, beside).flatMap(({ label, tasks }) =>
    tasks.flatMap((task) => {
      const bits = metric(task, 'bits_per_byte');
      return bits === undefined ? [] : [{ row: [textName(task)], label, cell: bits.value.toFixed(4) }];
    }),
  );
  return sideBySide(['text'], cells);
}

/** How many items were scored, and how they were drawn if not all were. */
function itemsOf({ items, sample }: TaskReport): string {
  return sample ? `${items} of ${sample.of}, seed ${sample.seed}` : String(items);
}

/**
 * Accuracies beside guessing and the place that is right most often; models and engines side by side. What was measured on
 * other items is another row; of a task that was scored on more items, fewer are not shown.
 */
export function taskTable(reports: readonly Report[], model: string, beside?: string): string {
  const columns = columnsOf(reports, model, beside);
  const all = columns.flatMap(({ tasks }) => tasks);
  const most = (name: string) =>
    Math.max(...all.filter(({ task }) => task === name).map(({ items }) => items));
  const majority = (name: string) => all.find(({ task, baselines }) => task === name && baselines)?.baselines;
  const cells = columns.flatMap(({ label, tasks }) =>
    tasks.flatMap((task) => {
      const found = metric(task, task.headline);
      const guess = chance[task.task];
      if (!found || guess === undefined || task.items < most(task.task)) return [];
      const same = majority(task.task)?.majority;
      const error = found.standardError ? ` ± ${(100 * found.standardError).toFixed(1)}` : '';
      const row = [
        `${task.task} (${task.headline})`,
        ...[itemsOf(task), guess.toFixed(1), same === undefined ? '' : (100 * same).toFixed(1)],
      ];
      return [{ row, label, cell: `${(100 * found.value).toFixed(1)}${error}` }];
    }),
  );
  if (cells.length === 0) return 'Not measured yet.';
  return sideBySide(['task', 'items', 'chance', 'majority'], cells);
}

interface Column {
  readonly label: string;
  readonly tasks: readonly TaskReport[];
}

/** What was reported on this model and on the one beside it, by name and engine. */
function columnsOf(reports: readonly Report[], model: string, beside: string | undefined): Column[] {
  return [model, ...(beside === undefined ? [] : [beside])].flatMap((name) => {
    const found = reports.filter((report) => basename(report.model) === name);
    if (found.length === 0) {
      throw new InputError(`evaluation: found no report on "${name}" among ${reports.length}, expected one`);
    }
    const engineOf = ({ engine }: Report) => engine.split(' ')[0]!;
    const engines = [...new Set(found.map(engineOf))].sort();
    return engines.map((engine) => ({
      label: `${name}, ${engine}`,
      tasks: found.filter((report) => engineOf(report) === engine).flatMap(({ tasks }) => tasks),
    }));
  });
}

function metric(task: TaskReport, name: string) {
  return task.metrics.find((one) => one.name === name);
}

/** `…/stories.valid.txt.zst` → stories.valid */
function textName({ task, data }: TaskReport): string {
  return task === 'text' ? basename(data).replace(/\.txt(\.zst|\.gz)?$/, '') : task;
}

interface Cell {
  /** What begins its row. */
  readonly row: readonly string[];
  /** Of its column. */
  readonly label: string;
  readonly cell: string;
}

/** Rows in order of what begins them, columns as they come. */
function sideBySide(head: readonly string[], cells: readonly Cell[]): string {
  const labels = [...new Set(cells.map(({ label }) => label))];
  const rows = new Map<string, { readonly row: readonly string[]; readonly cells: Map<string, string> }>();
  for (const { row, label, cell } of cells) {
    const known = rows.get(row.join()) ?? { row, cells: new Map<string, string>() };
    known.cells.set(label, cell);
    rows.set(row.join(), known);
  }
  const sorted = [...rows.values()].sort((a, b) => compareRows(a.row, b.row));
  const lines = sorted.map(({ row, cells: found }) => [
    ...row,
    ...labels.map((label) => found.get(label) ?? ''),
  ]);
  return table([...head, ...labels], lines);
}

function compareRows([a, items]: readonly string[], [b, others]: readonly string[]): number {
  return a!.localeCompare(b!) || Number.parseInt(items!, 10) - Number.parseInt(others!, 10);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, k) => (k < 1 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}
