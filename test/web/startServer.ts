/** Starts a program that serves a site. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stripVTControlCharacters } from 'node:util';
import { onTestFinished } from 'vitest';

/** Starts it until the test ends; returns the local address that it prints. */
export async function startServer(
  program: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Promise<string> {
  const server = spawn(program, args, { ...options, detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(server, 'exit');
  onTestFinished(async () => {
    if (server.exitCode === null) process.kill(-server.pid!); // and the processes that it has started
    await exited;
  });
  let printed = '';
  const address = new Promise<string>((resolve) => {
    // To the end: a server whose pipe is closed ends when it prints.
    server.stdout.setEncoding('utf8').on('data', (piece: string) => {
      printed += stripVTControlCharacters(piece);
      const [, found] = /Local: +(http:\S+)\s/.exec(printed) ?? [];
      if (found) resolve(found);
    });
  });
  const ended = exited.then(() => {
    throw new Error(`${program} ended: ${printed}`);
  });
  ended.catch(() => {}); // also when the test ends
  return Promise.race([address, ended]);
}
