/** The stored results that claims are judged by. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const results = join(import.meta.dirname, '../../results');

export interface Stored<D> {
  readonly provenance: { readonly command: string; readonly seed: number };
  readonly data: D;
}

/** A study's results, if it has been carried out. */
export function studyResults<D>(name: string): Stored<D> | undefined {
  return json(`study/${name}/${name}.json`);
}

export function json<T>(path: string): T | undefined {
  const file = join(results, path);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : undefined;
}

/** Lines of a training's log. */
export function log(path: string): readonly Readonly<Record<string, number | string>>[] {
  return readFileSync(join(results, path), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}
