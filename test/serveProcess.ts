/** `plusminus serve` in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const program = join(import.meta.dirname, '../bin/plusminus.js');

export interface LogLine {
  readonly msg: string;
  readonly url: string;
  readonly cutOff?: number;
}

export interface ServeProcess {
  readonly child: ChildProcess;
  readonly url: string;
  /** What it has logged so far. */
  readonly log: readonly LogLine[];
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

/**
 * Starts a server and resolves once it listens.
 * @param keep how many lines of the log to keep; the first ones
 * @param nodeArgs options of Node itself
 * @throws an error with its stderr if it ends before
 */
export async function startServe(
  folder: string,
  args: readonly string[] = [],
  keep = Number.POSITIVE_INFINITY,
  nodeArgs: readonly string[] = [],
): Promise<ServeProcess> {
  const options = ['serve', '-m', folder, '--port', '0', '--threads', '1', ...args];
  const child = spawn(process.execPath, [...nodeArgs, program, ...options]);
  const log: LogLine[] = [];
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal }));
  let errors = '';
  child.stderr.on('data', (text) => {
    errors += text;
  });
  let rest = '';
  const url = await new Promise<string>((resolve, reject) => {
    void ended.then(() => reject(new Error(`the server ended: ${errors}`)));
    child.stdout.setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      for (const line of lines) {
        const entry: LogLine = JSON.parse(line);
        if (entry.msg === 'listening') resolve(entry.url);
        if (log.length < keep) log.push(entry);
      }
    });
  });
  return { child, url, log, ended };
}
