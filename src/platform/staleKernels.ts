/**
 * Checks that compiled kernels match their sources. After a `git pull` without a build they may not, and would misread
 * their arguments.
 */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { InputError } from '../errors.ts';

/** Beside the WebAssembly kernels, written with them: see `CompiledKernels.sources`. */
export const sourcesFile = 'kernels.json';

export interface CompiledKernels {
  readonly file: URL;
  /** A JSON file with the SHA-256 of each source by its path from that file. */
  readonly sources: URL;
  /** What compiles them again. */
  readonly command: string;
}

export function hashOf(source: Uint8Array): string {
  return createHash('sha256').update(source).digest('hex');
}

/**
 * Reads and compares only sources that are newer than the kernels. Kernels without sources, as in the package, are
 * accepted.
 * @throws InputError if a source has changed since
 */
export function refuseStaleKernels({ file, sources, command }: CompiledKernels): void {
  const list = found(() => readFileSync(sources, 'utf8'));
  if (list === undefined) return;
  const built = statSync(file).mtimeMs;
  for (const [path, hash] of Object.entries(JSON.parse(list) as Record<string, string>)) {
    const source = new URL(path, sources);
    const status = statSync(source, { throwIfNoEntry: false });
    if (!status || status.mtimeMs <= built || hashOf(readFileSync(source)) === hash) continue;
    const name = path.replace(/^(\.\.\/)*/, '');
    throw new InputError(`the kernels are older than their sources: ${name} has changed; run "${command}"`);
  }
}

function found<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
