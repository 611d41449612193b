/** Reads rows of data files: JSON lines, JSON arrays, Parquet, plain text; all but Parquet also as .zst or .gz. */
import { readFile } from 'node:fs/promises';
import { InputError } from '../errors.ts';
import { isObject, parseJsonObject, show } from '../json.ts';
import { loadOptional } from '../optionalPackages.ts';
import { readLines } from '../text/lines.ts';
import { readText, unpackedName } from '../text/textFile.ts';
import type { Row } from './task.ts';

export const formats = ['jsonl', 'json', 'parquet', 'txt', 'raw', 'tokens'] as const;

/** Max characters of a line, or of a file that is read as a whole. */
const maxCharacters = 2 ** 28;

/**
 * Yields the rows of files in order. A file `x-labels.lst` beside `x.jsonl` adds the field `label`, one per line.
 * @throws InputError naming file and row
 */
export async function* readRows(files: readonly string[], signal?: AbortSignal): AsyncGenerator<Row> {
  for (const file of files) {
    const labels = await labelsBeside(file);
    let count = 0;
    for await (const row of await rowsOf(file, signal)) {
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

async function rowsOf(file: string, signal: AbortSignal | undefined): Promise<AsyncIterable<Row>> {
  const name = unpackedName(file);
  if (name.endsWith('.jsonl')) return jsonLines(file, signal);
  if (name.endsWith('.json')) return jsonFile(file, signal);
  if (name.endsWith('.parquet')) {
    if (name !== file) throw new InputError(`${file}: found a compressed Parquet file; decompress it first`);
    const { parquetRows } = await loadOptional(() => import('./parquetRows.ts'));
    return parquetRows(file);
  }
  return wholeText(file, signal);
}

async function* jsonLines(file: string, signal: AbortSignal | undefined): AsyncGenerator<Row> {
  for await (const { text, number, complete } of readLines(readText(file, signal), maxCharacters)) {
    const where = `${file}, row ${number}`;
    if (!complete)
      throw new InputError(`${where}: longer than ${maxCharacters} characters, expected a JSON object`);
    if (text.trim() === '') continue;
    yield { where, fields: parseJsonObject(new TextEncoder().encode(text), where) };
  }
}

/** `.json` files of datasets hold either JSON lines or an array. */
async function* jsonFile(file: string, signal: AbortSignal | undefined): AsyncGenerator<Row> {
  const text = await textOf(file, signal);
  if (!text.trimStart().startsWith('[')) {
    yield* jsonLines(file, signal);
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
  const text = await textOf(file, signal);
  if (text !== '') yield { where: file, fields: { text } };
}

async function textOf(file: string, signal: AbortSignal | undefined): Promise<string> {
  let text = '';
  for await (const piece of readText(file, signal)) {
    text += piece;
    if (text.length > maxCharacters)
      throw new InputError(`${file}: longer than ${maxCharacters} characters, expected less`);
  }
  return text;
}

async function labelsBeside(file: string): Promise<readonly string[] | undefined> {
  const name = unpackedName(file);
  if (!name.endsWith('.jsonl')) return undefined;
  const text = await readFile(name.replace(/\.jsonl$/, '-labels.lst'), 'utf8').catch(() => undefined);
  return text?.split('\n').filter((line) => line.trim() !== '');
}

function withLabel(row: Row, labels: readonly string[], index: number): Row {
  const label = labels[index]?.trim();
  if (label !== undefined) return { ...row, fields: { ...row.fields, label } };
  throw new InputError(`${row.where}: found no label, expected one in the .lst file beside it`);
}
