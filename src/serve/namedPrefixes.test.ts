/** Named prefixes and the states of responses: on the disk, shared, bounded, and there after a restart. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { NamedPrefixes } from './namedPrefixes.ts';
import { StateCache } from './stateCache.ts';
import { startTestServer, type TestServer } from './testing.ts';

let states: string;
let server: TestServer;
const start = () => startTestServer({ states, statesBytes: 1e5, cacheBytes: 0 });
beforeAll(async () => {
  states = await mkdtemp(join(tmpdir(), 'plusminus-states-'));
  server = await start();
});
afterAll(async () => {
  await server?.close();
  await rm(states, { recursive: true });
});

const system = { role: 'system', content: 'Tell the truth about whales, and be brief. '.repeat(20) };
const tools = [{ type: 'function', function: { name: 'plan', description: 'x'.repeat(200) } }];
const put = (id: string, body: object) => call('PUT', id, body);
async function call(method: string, id = '', body?: object) {
  const response = await fetch(`${server.url}/v1/prefixes${id && `/${id}`}`, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}
async function chat(more: object = {}) {
  const messages = [system, { role: 'user', content: 'Is the sea wet?' }];
  const asked = { messages, max_tokens: 4, temperature: 0, ...more };
  const response = await server.post('/v1/chat/completions', asked);
  const { usage, choices } = (await response.json()) as {
    usage: { prompt_tokens: number; prompt_tokens_details: { cached_tokens: number } };
    choices: { message: { content: string } }[];
  };
  const unread = usage.prompt_tokens - usage.prompt_tokens_details.cached_tokens;
  return { unread, cached: usage.prompt_tokens_details.cached_tokens, text: choices[0]!.message.content };
}
async function restart() {
  await server.close();
  server = await start();
}

it('a prefix serves every prompt that begins so, also after a restart, until it is deleted', async () => {
  const before = await chat();
  expect(before.cached).toBe(0);
  const made = await put('whales', { messages: [system] });
  expect(made).toMatchObject({ status: 200, body: { id: 'whales', object: 'prefix' } });
  expect(await chat()).toEqual({ ...before, cached: made.body.tokens, unread: expect.any(Number) });
  expect((await put('same', { messages: [system] })).body.sha256).toBe(made.body.sha256);
  await restart();
  expect((await chat()).cached).toBe(made.body.tokens);
  expect((await call('GET')).body.data).toMatchObject([{ id: 'same' }, { id: 'whales' }]);
  expect(await call('DELETE', 'whales')).toMatchObject({ status: 200, body: { deleted: true } });
  expect((await chat()).cached).toBe(made.body.tokens); // the other name has the same content
  await call('DELETE', 'same');
  expect((await chat()).cached).toBe(0);
  expect((await call('DELETE', 'same')).status).toBe(404);
});

it('may hold tools, or the beginning of a text', async () => {
  await put('tools', { messages: [system], tools });
  expect((await chat({ tools })).unread).toBeLessThan(40);
  const document = 'Call me Ishmael. Some years ago, never mind how long precisely, '.repeat(10);
  const { body } = await put('book', { prompt: document });
  const { usage } = await server.complete({ prompt: `${document}I went to sea.`, max_tokens: 2 });
  expect(usage.prompt_tokens_details.cached_tokens).toBe(body.tokens);
});

it('is refused by name, and bounded', async () => {
  expect(await put('../x', { prompt: 'x' })).toMatchObject({ status: 404 });
  expect(await put('a.b', { prompt: 'x' })).toMatchObject({ status: 400 });
  expect(await put('none', {})).toMatchObject({ status: 400 });
  expect(await put('both', { prompt: 'x', messages: [system] })).toMatchObject({ status: 400 });
  let last = await put('fill0', { prompt: 'a b c d' });
  for (let count = 1; last.status === 200 && count < 200; count++)
    last = await put(`fill${count}`, { prompt: `${count} `.repeat(4) });
  expect(last).toMatchObject({ status: 507, body: { error: { code: 'too_many_prefixes' } } });
  await call('DELETE', 'fill0');
  expect((await put('fill0', { prompt: 'a b c d' })).status).toBe(200);
});

it('two requests that store one name at once do not mix texts and states', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'plusminus-prefixes-'));
  const cache = new StateCache(0);
  const owner = { model: new Uint8Array(32), stateSize: 1 };
  const prefixes = await NamedPrefixes.open({ folder, bytes: 1e6, cache, ...owner });
  const texts = [1, 2, 3].map((token) => [token, token]);
  await Promise.all(texts.map((tokens) => prefixes.put('me', 'x', tokens, Float32Array.of(tokens[0]!))));
  const found = await Promise.all(texts.map((tokens) => cache.find([...tokens, 9])));
  expect(found.map(({ state }) => state?.[0])).toEqual([undefined, undefined, 3]);
  await rm(folder, { recursive: true });
});

it('a file that is damaged is not used', async () => {
  const [folder] = await readdir(join(states, 'prefixes'));
  await writeFile(join(states, 'prefixes', folder!, 'book.prefix'), 'PM-CACHE and nothing else');
  await restart();
  expect(JSON.stringify((await call('GET')).body)).not.toContain('"book"');
});

it('previous_response_id continues after a restart', async () => {
  const ask = async (fields: object) => {
    const asked = { input: 'Who are you?', max_output_tokens: 6, temperature: 0, ...fields };
    const response = await server.post('/v1/responses', asked);
    return (await response.json()) as { id: string; output: object[]; error?: { code: string } };
  };
  const first = await ask({});
  const next = { previous_response_id: first.id, input: 'And what then?' };
  const before = (await ask(next)).output;
  await restart();
  expect(textsOf((await ask(next)).output)).toEqual(textsOf(before));
  expect((await ask({ previous_response_id: 'resp_unknown' })).error?.code).toBe(
    'previous_response_not_found',
  );
});

const textsOf = (output: readonly object[]) =>
  output.map((item) => (item as { content: { text: string }[] }).content.map(({ text }) => text));
