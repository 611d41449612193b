/** Connections are few: those that do nothing, or do not read, give way. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestServer, type TestServer } from './testing.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ limits: { stallSeconds: 1 } }, { maxConnections: 20 });
});
afterAll(() => server?.close());

const open: Socket[] = [];
afterAll(() => {
  for (const socket of open) socket.destroy();
});

async function openSocket(): Promise<Socket> {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  open.push(socket);
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

const request = (body: object) => {
  const text = JSON.stringify(body);
  return (
    'POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n' +
    `content-length: ${text.length}\r\n\r\n${text}`
  );
};

it.each([
  ['say nothing', ''],
  ['stop in the middle of their headers', 'POST /v1/completions HTTP/1.1\r\nhost: localhost\r\n'],
  ['stop in the middle of their body', request({ prompt: 'x' }).slice(0, -3)],
])('connections that %s lock nobody out', async (_, bytes) => {
  for (let i = 0; i < 60; i++) (await openSocket()).write(bytes);
  for (let i = 0; i < 5; i++)
    expect((await server.post('/v1/completions', { prompt: 'x', max_tokens: 1 })).status).toBe(200);
});

it('a connection whose request is being answered is not closed for another', async () => {
  const answer = server.post('/v1/completions', { prompt: 'x', max_tokens: 600, ignore_eos: true });
  await expect.poll(() => server.runtime.scheduler.active).toBe(1);
  for (let i = 0; i < 60; i++) await openSocket();
  expect((await answer).status).toBe(200);
});

it('a whole answer that is not read is given up, and its memory is free again', async () => {
  const socket = await openSocket();
  socket.pause();
  const prompt = Array(3000).fill(7);
  socket.write(
    request({ prompt: [prompt, prompt, prompt, prompt], echo: true, logprobs: 20, max_tokens: 0 }),
  );
  await expect.poll(() => server.runtime.requestMemory.used).toBeGreaterThan(50e6);
  await expect.poll(() => server.runtime.requestMemory.used, { timeout: 20_000 }).toBe(0);
});

it('log-probabilities are bounded for a request, and for all together', async () => {
  const { maxOfOne } = server.runtime.requestMemory;
  const prompt = Array(1000).fill(7);
  const count = Math.ceil(maxOfOne / 256 / 21 / 1000);
  const ask = (prompts: number) =>
    server.post('/v1/completions', {
      ...{ prompt: Array(prompts).fill(prompt), echo: true, logprobs: 20, max_tokens: 0 },
    });
  const limited = await startTestServer({ limits: { requestBytes: 2 * 256 * 21 * 1500 } });
  const asked = (length: number) =>
    limited.post('/v1/completions', {
      ...{ prompt: Array(length).fill(7), echo: true, logprobs: 20, max_tokens: 0 },
    });
  expect(count).toBeGreaterThan(32); // the standard limit is far above what one request may list
  expect((await ask(1)).status).toBe(200);
  const refused = await asked(1600);
  expect(refused.status).toBe(400);
  expect(await refused.json()).toMatchObject({ error: { param: 'logprobs' } });
  const statuses = (await Promise.all([asked(1200), asked(1200), asked(1200)])).map(({ status }) => status);
  expect(statuses.sort()).toEqual([200, 503, 503]);
  await limited.close();
});
