/** A folder of a user's project as a site, and what a page of it writes in Chromium. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { openBrowser } from '../web/browser.ts';
import { startServer } from '../web/startServer.ts';
import { type UserProject, userEnvironment } from './project.ts';

const types: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

/** What makes a page cross-origin isolated. */
export const isolating = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
};

/** Serves a folder of the project, with the bundled models at /models. */
export async function host(
  project: UserProject,
  folder: string,
  headers: Record<string, string>,
): Promise<string> {
  const models = join(project.folder, 'node_modules/@plusminus');
  const server = createServer(async ({ url = '/' }, response) => {
    const { pathname } = new URL(url, 'http://localhost');
    const name = pathname === '/' ? '/index.html' : pathname;
    const file = join(name.startsWith('/models/') ? models : join(project.folder, folder), name);
    const content = await readFile(file).catch(() => undefined);
    response.writeHead(content ? 200 : 404, {
      'content-type': types[extname(name)] ?? 'text/plain',
      ...headers,
    });
    response.end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://localhost:${(server.address() as AddressInfo).port}/`;
}

/** Starts a program of the project that serves a site, and prints its local address. */
export function start(project: UserProject, program: string, ...args: string[]): Promise<string> {
  const path = join(project.folder, 'node_modules/.bin', program);
  return startServer(path, args, { cwd: project.folder, env: userEnvironment() });
}

/** What a page has written into #text. */
export async function written(url: string): Promise<string> {
  const browser = await openBrowser();
  onTestFinished(() => browser.close());
  const page = await browser.newPage();
  const problems: string[] = [];
  page.on('pageerror', ({ message }) => problems.push(message));
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  await page.goto(url);
  const text = page.locator('#text:not(:empty)');
  await text.waitFor({ state: 'attached', timeout: 60_000 }).catch(() => expect(problems).toEqual([]));
  return (await text.textContent())!;
}
