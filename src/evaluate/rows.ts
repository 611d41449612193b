/** Rows of data files: JSON lines, JSON arrays, Parquet, plain text; `.jsonl` and `.txt` also packed as .zst or .gz. */
import { readFile, stat } from 'node:fs/promises';
import { isObject, parseJsonObject, show } from '../checkpoint/json.ts';
import { InputError } from '../errors.ts';
import { readLines } from '../text/lines.ts';
import { readText, unpackedName } from '../text/textFile.ts';
import { parquetRows } from './parquetRows.ts';
import type { Row } from './task.ts';

export const formats = ['jsonl', 'json', 'parquet', 'txt', 'raw', 'tokens'] as const;

/** A line, or a file that is read as a whole, is no longer than this. */
const longest = 2 ** 28;

/**
 * The rows of files, one file after the other. Beside `x.jsonl` may lie `x-labels.lst` with a label a line, which
 * becomes the field `label`.
 * @throws InputError naming file and row
 */
export async function* readRows(files: readonly string[], signal?: AbortSignal): AsyncGenerator<Row> {
  for (const file of files) {
    const labels = await labelsBeside(file);
    let count = 0;
    for await (const row of rowsOf(file, signal)) {
      signal?.throwIfAborted();
      yield labels ? withLabel(row, labels, count) : row;
      count++;
    }
    if (count === 0) throw new InputError(`${file}: found no row, expected at least one`);
    if (labels && labels.length !== count) {
      throw new InputError(
        `${file}: found ${count} rows but ${labels.length} labels beside it, expected as many`,
      );
    }
  }
}

function rowsOf(file: string, signal: AbortSignal | undefined): AsyncIterable<Row> {
  const name = unpackedName(file);
  if (name.endsWith('.jsonl')) return jsonLines(file, signal);
  if (name.endsWith('.json')) return jsonFile(file);
  if (name.endsWith('.parquet')) return parquetRows(file);
  return wholeText(file, signal);
}

async function* jsonLines(file: string, signal: AbortSignal | undefined): AsyncGenerator<Row> {
  for await (const { text, number, complete } of readLines(readText(file, signal), longest)) {
    const where = `${file}, row ${number}`;
    if (!complete)
      throw new InputError(`${where}: longer than ${longest} characters, expected a JSON object`);
    if (text.trim() === '') continue;
    yield { where, fields: parseJsonObject(new TextEncoder().encode(text), where) };
  }
}

/** Some datasets' `.json` is JSON lines by another name, some an array. */
async function* jsonFile(file: string): AsyncGenerator<Row> {
  const { size } = await stat(file);
  if (size > longest)
    throw new InputError(`${file}: ${size} bytes, expected at most ${longest}; use JSON lines`);
  const text = await readFile(file, 'utf8');
  if (!text.trimStart().startsWith('[')) {
    yield* jsonLines(file, undefined);
    return;
  }
  const { rows } = parseJsonObject(new TextEncoder().encode(`{"rows":${text}}`), file);
  for (const [index, fields] of (rows as unknown[]).entries()) {
    const where = `${file}, row ${index + 1}`;
    if (!isObject(fields)) throw new InputError(`${where}: found ${show(fields)}, expected an object`);
    yield { where, fields };
  }
}

async function* wholeText(file: string, signal: AbortSignal | undefined): AsyncGenerator<Row> {
  let text = '';
  for await (const piece of readText(file, signal)) {
    text += piece;
    if (text.length > longest)
      throw new InputError(`${file}: longer than ${longest} characters, expected less`);
  }
  if (text !== '') yield { where: file, fields: { text } };
}

async function labelsBeside(file: string): Promise<readonly string[] | undefined> {
  const text = await readFile(file.replace(/\.jsonl$/, '-labels.lst'), 'utf8').catch(() => undefined);
  return file.endsWith('.jsonl') ? text?.split('\n').filter((line) => line.trim() !== '') : undefined;
}

function withLabel(row: Row, labels: readonly string[], index: number): Row {
  const label = labels[index]?.trim();
  if (label !== undefined) return { ...row, fields: { ...row.fields, label } };
  throw new InputError(`${row.where}: found no label, expected one in the .lst file beside it`);
}
