/** What a server keeps of a request when it is over: nothing. */
import { queryObjects } from 'node:v8';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Scope } from './scope.ts';
import { startTestServer, type TestServer } from './testing.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server?.close());

/** How many there are, once garbage has been collected. */
const scopes = () => queryObjects(Scope) as number;

it.each([
  ['whole', {}, 200],
  ['streamed', { stream: true }, 200],
  ['refused', { n: -1 }, 400],
])('requests that were %s leave nothing behind', async (_, fields, status) => {
  for (let i = 0; i < 20; i++) {
    const response = await server.post('/v1/completions', {
      prompt: `Call me ${i}`,
      max_tokens: 2,
      ...fields,
    });
    await response.text();
    expect(response.status).toBe(status);
  }
  await expect.poll(scopes).toBeLessThan(4); // of the last ones, connections may still hold something
});

it('requests whose client left leave nothing behind', async () => {
  for (let i = 0; i < 10; i++) {
    const leaving = new AbortController();
    const response = await fetch(`${server.url}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ prompt: 'Call me', max_tokens: 4000, ignore_eos: true, stream: true }),
      signal: leaving.signal,
    });
    await response.body!.getReader().read();
    leaving.abort();
  }
  await expect.poll(() => server.runtime.scheduler.active).toBe(0);
  await expect.poll(scopes, { timeout: 5000 }).toBeLessThan(4);
});
