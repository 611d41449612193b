/** Finds the data of a task: in a folder in any common layout, in one file, or on the Hugging Face Hub. */
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { downloadDatasetFiles } from '../checkpoint/hubDataset.ts';
import type { DownloadOptions } from '../checkpoint/hubRepository.ts';
import { InputError } from '../errors.ts';
import { systemReason } from '../systemErrors.ts';
import { formats } from './rows.ts';
import type { Dataset, Task } from './task.ts';

/** Limits of a folder of datasets, caches included; a larger folder is something else. */
const maxDepth = 6;
const maxFiles = 20_000;

const ending = `\\.(${formats.join('|')})(\\.gz|\\.zst)?$`;

/**
 * Returns the data files of a task, shards in order.
 * @param source `hub`, a file, or a folder of files with the task's names or of copies of datasets
 * @throws InputError naming the files that were expected, if there are none
 */
export async function findDataFiles(
  task: Task,
  source: string,
  options: DownloadOptions = {},
): Promise<readonly string[]> {
  if (source === 'hub') return fromHub(task, options);
  const found = await stat(source).catch(() => undefined);
  if (!found) {
    throw new InputError(`data: found no file or folder "${source}", expected one, or "hub" to download`);
  }
  if (!found.isDirectory()) return [source];
  const paths = await listFiles(source);
  const files = chooseFiles(task, paths, resolve(source));
  if (files.length > 0) return files.map((path) => join(source, path));
  const { id, config, split } = task.dataset;
  throw new InputError(
    `${task.name}: found no data in ${source}; expected ${task.fileNames[0]}.jsonl (or .parquet), or a copy of ` +
      `the dataset ${id} with ${config ? `${config}/` : ''}${split}-….parquet`,
  );
}

/**
 * @param paths relative to `folder`
 * @param folder absolute path; its parts may name the dataset
 */
export function chooseFiles(task: Task, paths: readonly string[], folder: string): readonly string[] {
  const named = task.fileNames.map((name) => new RegExp(`(^|/)${escaped(name)}${ending}`));
  for (const pattern of named) {
    const found = paths.filter((path) => pattern.test(path));
    // The same file in two formats, or packed and not, is one file.
    if (found.length > 0) return found.sort().slice(0, 1);
  }
  return chooseShards(task.dataset, paths, folder);
}

/**
 * Chooses files laid out as on the Hub: `<config>/<split>-00000-of-00001.parquet`, `data/<split>-….parquet`,
 * `<config>/<split>/0000.parquet`.
 */
function chooseShards(
  { id, config, split }: Dataset,
  paths: readonly string[],
  folder: string,
): readonly string[] {
  const shard = new RegExp(`(^|/)${escaped(split)}(-\\d+-of-\\d+(-[0-9a-f]+)?|/\\d+)?${ending}`);
  const name = id.split('/')[1]!.toLowerCase();
  // Many datasets use these names, so the folder must name the dataset.
  const common = config === undefined || ['main', 'default', 'plain_text'].includes(config);
  const fits = (path: string) => {
    const parents = path.split('/').slice(0, -1);
    if (!common) return parents.includes(config);
    const whole = `${folder}/${path}`.toLowerCase().split('/');
    const ofDataset = whole.some((part) => part === name || part.endsWith(`--${name}`));
    const ofConfig = ['data', 'main', 'default', 'plain_text', split, name, undefined].includes(
      parents.at(-1),
    );
    return ofDataset && ofConfig;
  };
  return paths.filter((path) => shard.test(path) && fits(path)).sort();
}

/** The Hub keeps a Parquet copy of most datasets on a separate branch, all in one layout. */
async function fromHub({ name, dataset }: Task, options: DownloadOptions): Promise<readonly string[]> {
  const { id } = dataset;
  const choose = (paths: readonly string[]) => chooseShards(dataset, paths, `/${id}`);
  const files = await downloadDatasetFiles(id, choose, options);
  if (files.length > 0) return files;
  const converted = await downloadDatasetFiles(id, choose, { ...options, revision: 'refs/convert/parquet' });
  if (converted.length > 0) return converted;
  throw new InputError(
    `${name}: the dataset ${id} has no file of its split ${dataset.split}; give --data FOLDER`,
  );
}

async function listFiles(folder: string): Promise<string[]> {
  const found: string[] = [];
  const visit = async (path: string, depth: number) => {
    for (const entry of await entriesOf(join(folder, path))) {
      const inside = path ? `${path}/${entry.name}` : entry.name;
      if (entry.isDirectory() && depth < maxDepth && entry.name !== '.git') await visit(inside, depth + 1);
      else if (!entry.isDirectory()) found.push(inside);
      if (found.length > maxFiles) {
        throw new InputError(`${folder}: found more than ${maxFiles} files, expected a folder of datasets`);
      }
    }
  };
  await visit('', 0);
  return found;
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  return readdir(folder, { withFileTypes: true }).catch((cause) => {
    throw new InputError(`${folder}: cannot be read: ${systemReason(cause)}`, { cause });
  });
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

/** Returns the name of a task's data source for reports. */
export function describeSource(task: Task, source: string, files: readonly string[]): string {
  const { id, config, split } = task.dataset;
  if (source === 'hub') return `${id}${config ? ` (${config})` : ''}, ${split}`;
  return files.map((file) => basename(file)).join(', ');
}
