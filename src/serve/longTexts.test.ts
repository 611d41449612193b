/** Encoding a long text keeps nobody waiting. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestServer, type TestServer } from './testing.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ limits: { promptTokens: 2 ** 20 }, slots: 2 }, { apiKeys: ['a', 'b'] });
});
afterAll(() => server?.close());

const large = 500_000;
const long: [string, string][] = [
  ['spaces', ' '.repeat(large)],
  ['one word', 'a'.repeat(large)],
  ['words', 'the whale '.repeat(large / 10)],
  ['no ASCII', 'ж'.repeat(large / 2)],
  ['special tokens', '<|end|>'.repeat(large / 8)],
];
const requests: [string, (text: string) => object][] = [
  ['/v1/completions', (prompt) => ({ prompt })],
  ['/v1/completions', (prompt) => ({ prompt: ['x', prompt], allow_special: true })],
  ['/v1/chat/completions', (content) => ({ messages: [{ role: 'user', content }] })],
  ['/v1/chat/completions', (content) => ({ messages: [{ role: 'user', content }], state: '' })],
];

it.each(long)('%s', async (_, text) => {
  const small = await server.post(
    '/v1/completions',
    { prompt: 'x', max_tokens: 1, return_state: true },
    { authorization: 'Bearer b' },
  );
  const { state } = (await small.json()) as { state: string };
  for (const [path, bodyOf] of requests) {
    const leaving = new AbortController();
    const body = { max_tokens: 1, ...bodyOf(text) };
    let ended = false;
    const asked = fetch(server.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer a' },
      body: JSON.stringify('state' in body ? { ...body, state } : body),
      signal: leaving.signal,
    }).finally(() => {
      ended = true;
    });
    asked.catch(() => {}); // it is left below
    let answered = 0;
    for (let i = 0; i < 5; i++) {
      const response = await server.post(
        '/v1/completions',
        { prompt: 'x', max_tokens: 1 },
        { authorization: 'Bearer b' },
      );
      expect(response.status).toBe(200);
      if (!ended) answered += 1;
    }
    leaving.abort();
    expect(answered, path).toBe(5);
  }
});

it('long texts of one client do not keep those of another waiting', async () => {
  const leaving = new AbortController();
  const order: string[] = [];
  const ask = async (key: string, characters: number) => {
    const body = JSON.stringify({ prompt: 'the whale '.repeat(characters / 10), max_tokens: 0 });
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` };
    const init = { method: 'POST', headers, body, signal: leaving.signal };
    const response = await fetch(`${server.url}/v1/completions`, init);
    order.push(`${key} ${response.status}`);
  };
  const many = Array.from({ length: 40 }, () => ask('a', large));
  await Promise.all([ask('b', 20_000), ask('b', 20_000)]);
  expect(order.filter((one) => one.startsWith('a')).length).toBeLessThan(10);
  leaving.abort();
  await Promise.allSettled(many);
});
