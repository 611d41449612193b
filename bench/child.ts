import { type ExecFileException, execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { InputError } from '../src/errors.ts';

const run = promisify(execFile);

/** Runs a program of this folder in its own process and reads the JSON that it prints. */
export function child<T>(file: string, ...args: (string | number)[]): Promise<T> {
  return childWith([], file, ...args);
}

/** The same, with flags for Node. */
export async function childWith<T>(
  flags: readonly string[],
  file: string,
  ...args: (string | number)[]
): Promise<T> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const running = run(process.execPath, [...flags, path, ...args.map(String)], { maxBuffer: 1e8 });
  const { stdout } = await running.catch(({ code, stderr }: ExecFileException) => {
    process.stderr.write(stderr ?? '');
    throw new InputError(`${file} failed (${code}); its message is above`);
  });
  return JSON.parse(stdout) as T;
}
