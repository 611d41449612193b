/** What the log and the metrics say of requests that fail, and of clients that leave. */
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { startTestServer } from './testing.ts';

async function startLogged() {
  const lines: { readonly msg: string; readonly err?: object; readonly status?: number }[] = [];
  const stream = new Writable({
    write(text: Buffer, _, done) {
      lines.push(JSON.parse(text.toString()));
      done();
    },
  });
  const server = await startTestServer({ slots: 1 }, { cors: '*', log: pino(stream) });
  onTestFinished(() => server.close());
  return { server, lines };
}

it('a failure is logged with its reason', async () => {
  const { server, lines } = await startLogged();
  server.runtime.cache.find = () => Promise.reject(new TypeError('a defect'));
  expect((await server.post('/v1/completions', { prompt: 'Call me' })).status).toBe(500);
  await expect.poll(() => lines.find(({ msg }) => msg === 'failure')).toBeDefined();
  const failure = lines.find(({ msg }) => msg === 'failure')!;
  expect(failure.err).toMatchObject({ type: 'TypeError', message: 'a defect' });
});

it('a client that leaves is no failure of the server', async () => {
  const { server, lines } = await startLogged();
  const leaving = new AbortController();
  const asked = fetch(`${server.url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: 'x', max_tokens: 4000, ignore_eos: true }),
    signal: leaving.signal,
  });
  await expect.poll(() => server.runtime.scheduler.active).toBe(1);
  leaving.abort();
  await expect(asked).rejects.toThrow();
  await expect.poll(() => lines.find(({ msg }) => msg === 'request')).toMatchObject({ status: 499 });
  expect(lines.filter(({ msg }) => msg === 'failure')).toEqual([]);
  expect(await (await fetch(`${server.url}/metrics`)).text()).toContain('status="499"');
});

it('OPTIONS of paths without end make no metrics', async () => {
  const { server } = await startLogged();
  const init = { method: 'OPTIONS', headers: { origin: 'https://a.example' } };
  for (let i = 0; i < 20; i++) await (await fetch(`${server.url}/v1/stranger-${i}`, init)).text();
  expect(await (await fetch(`${server.url}/metrics`)).text()).not.toContain('stranger');
});
