import { type ExecFileException, execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { InputError } from '../src/errors.ts';

const run = promisify(execFile);

/** Sources stay compiled between processes: Node's compiler of TypeScript takes 27 MB, which the installed package lacks. */
const compileCache = fileURLToPath(new URL('../build/compile-cache', import.meta.url));

/** Runs a program of this folder in its own process and reads the JSON that it prints. */
export function child<T>(file: string, ...args: (string | number)[]): Promise<T> {
  return childWith({}, file, ...args);
}

export interface ChildOptions {
  /** For Node. */
  readonly flags?: readonly string[];
  /** Environment variables that differ from this process's. */
  readonly env?: Readonly<Record<string, string>>;
  /** Ends the process. */
  readonly signal?: AbortSignal | undefined;
}

/** The same, with options. */
export async function childWith<T>(
  { flags = [], env, signal }: ChildOptions,
  file: string,
  ...args: (string | number)[]
): Promise<T> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const running = run(process.execPath, [...flags, path, ...args.map(String)], {
    ...{ maxBuffer: 1e8, signal },
    env: { NODE_COMPILE_CACHE: compileCache, ...process.env, ...env },
  });
  const { stdout } = await running.catch(({ code, stderr }: ExecFileException) => {
    process.stderr.write(stderr ?? '');
    throw new InputError(`${file} failed (${code}); its message is above`);
  });
  return JSON.parse(stdout) as T;
}
