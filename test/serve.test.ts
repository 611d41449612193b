/** `plusminus serve` as an operator meets it: a process that is started, asked, drained and killed. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LanguageModel } from '../src/index.ts';
import { startServe } from './serveProcess.ts';
import { makeSmallModel, type SmallModel } from './smallModel.ts';

let small: SmallModel;
let folder: string;

beforeAll(async () => {
  small = await makeSmallModel();
  folder = await mkdtemp(join(tmpdir(), 'plusminus-serve-'));
});
afterAll(async () => {
  await small?.remove();
  await rm(folder, { recursive: true, force: true });
});

/** A server in a process of its own, once it listens. */
async function start(...args: string[]) {
  const server = await startServe(small.folder, args);
  const ask = (body: object, signal?: AbortSignal) =>
    fetch(`${server.url}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ temperature: 0, max_tokens: 6, ...body }),
      ...(signal ? { signal } : {}),
    });
  return { ...server, ask };
}

interface Answer {
  readonly choices: readonly { readonly text: string }[];
  readonly session: { readonly tokens: number };
}

it('loses no session that it said was saved, killed at any moment', async () => {
  const args = ['--sessions', join(folder, 'sessions'), '--cache-folder', join(folder, 'cache')];
  const acknowledged = new Map<string, { tokens: number; texts: string[] }>();
  for (let round = 0; round < 3; round++) {
    const server = await start(...args);
    // What was acknowledged before is there, and can be continued.
    for (const [session, { tokens, texts }] of acknowledged) {
      const answer = (await (await server.ask({ prompt: '', session })).json()) as Answer;
      expect(answer.session.tokens).toBe(tokens + 6);
      acknowledged.set(session, { tokens: tokens + 6, texts: [...texts, answer.choices[0]!.text] });
    }
    const clients = Array.from({ length: 4 }, async (_, client) => {
      for (let i = 0; ; i++) {
        const session = `r${round}-c${client}-${i}`;
        const answer = (await (await server.ask({ prompt: `Call me ${i}`, session })).json()) as Answer;
        acknowledged.set(session, { tokens: answer.session.tokens, texts: [answer.choices[0]!.text] });
      }
    });
    await expect.poll(() => acknowledged.size, { timeout: 30_000 }).toBeGreaterThan(8 * (round + 1));
    server.child.kill('SIGKILL');
    await Promise.allSettled(clients);
    await server.ended;
  }
  const model = await LanguageModel.load(small.folder, { threads: 0 });
  for (const [name, { texts }] of [...acknowledged].slice(0, 6)) {
    const session = model.session();
    await session.append(`Call me ${name.split('-').at(-1)}`);
    for (const text of texts) {
      let expected = '';
      for await (const piece of session.generate({ temperature: 0, maxTokens: 6 })) expected += piece;
      expect(text).toBe(expected);
    }
  }
  await model.dispose();
}, 120_000);

it.each(['SIGTERM', 'SIGHUP'] as const)('finishes running answers on %s', async (signal) => {
  const server = await start();
  const response = await server.ask({ prompt: 'x', max_tokens: 400, ignore_eos: true, stream: true });
  server.child.kill(signal);
  await expect.poll(() => server.log.some(({ msg }) => msg === 'draining')).toBe(true);
  await expect(fetch(`${server.url}/health`)).rejects.toThrow(); // no more connections
  const text = await response.text();
  expect(text.match(/^data: \{/gm)!.length).toBeGreaterThan(200);
  expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
  expect(await server.ended).toEqual({ code: 0, signal: null });
  expect(server.log.at(-1)).toMatchObject({ msg: 'ended', cutOff: 0 });
});

it('cuts answers off that take too long to end, and tells their clients', async () => {
  const server = await start('--drain-timeout', '0');
  const response = await server.ask({ prompt: 'x', max_tokens: 4000, ignore_eos: true, stream: true });
  server.child.kill('SIGTERM');
  const text = await response.text();
  expect(text).toMatch(/data: \{"error":\{"message":"the server is shutting down"/);
  expect(await server.ended).toEqual({ code: 0, signal: null });
  expect(server.log.at(-1)).toMatchObject({ msg: 'ended', cutOff: 1 });
});

it('reports a port that is taken, and keys that are missing', async () => {
  const server = await start();
  const { port } = new URL(server.url);
  await expect(start('--port', port)).rejects.toThrow(
    /plusminus: 127\.0\.0\.1:\d+: another program listens there[^\n]*\n$/,
  );
  const empty = join(folder, 'keys');
  await writeFile(empty, '\n');
  await expect(start('--api-key-file', empty)).rejects.toThrow(/--api-key-file: found no key/);
  await expect(start('--api-key', '')).rejects.toThrow(/--api-key: found an empty key/);
  await expect(start('--host', '')).rejects.toThrow(/--host: found an empty address/);
  server.child.kill('SIGTERM');
  await server.ended;
});
