/** What a server on a network withstands: foreign hosts, labels without end, bodies in crumbs, damaged sessions. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { InputError } from '../errors.ts';
import { sample } from '../generate/sampling.ts';
import { ownMark, parseMark } from '../processMark.ts';
import { SeededRandom } from '../text/seededRandom.ts';
import { apiErrorOf } from './apiError.ts';
import { BodyReader } from './body.ts';
import { logProbability } from './logProbability.ts';
import { LongWork } from './longWork.ts';
import { RequestMemory } from './memory.ts';
import { openRuntime } from './openRuntime.ts';
import { ClientGoneError } from './scope.ts';
import { startTestServer, type TestServer } from './testing.ts';

let server: TestServer;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plusminus-network-'));
  server = await startTestServer(
    { sessions: folder },
    { apiKeys: ['key'], allowedHosts: ['models.example'] },
  );
});
afterAll(async () => {
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

const headers = { authorization: 'Bearer key' };

function statusFor(path: string, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(server.url + path, { headers: { ...headers, host } }, (response) => {
      response.resume();
      resolve(response.statusCode!);
    });
    asked.on('error', reject).end();
  });
}

it.each(['/health', '/metrics', '/v1/models', '/v1/sessions'])(
  '%s is closed to foreign hosts',
  async (path) => {
    for (const host of ['evil.example', 'evil.example:8000', '127.0.0.1.evil.example', 'localhost.'])
      expect(await statusFor(path, host)).toBe(403);
    for (const host of ['localhost', 'LOCALHOST:8000', '127.0.0.1:1', 'models.example'])
      expect(await statusFor(path, host)).toBe(200);
  },
);

it('paths of strangers make no metrics', async () => {
  for (let i = 0; i < 50; i++) expect((await fetch(`${server.url}/v1/stranger-${i}`)).status).toBe(401);
  for (let i = 0; i < 50; i++)
    await (await fetch(`${server.url}/v1/models/other-${i}`, { headers })).arrayBuffer();
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  expect(metrics).not.toMatch(/stranger|other-/);
  expect(metrics).toContain('path="unknown",status="401"');
  expect(metrics).toContain('path="/v1/models/:id",status="404"');
});

it('a body in small chunks is kept in one buffer, and its bytes are given back', async () => {
  const bodies = new BodyReader(65_536, new LongWork());
  const memory = new RequestMemory(2 * 9 * 40_000);
  const listener = createServer(async (request, response) => {
    const share = memory.open('a');
    const answer = await bodies.json(request, share).catch(({ status }) => status);
    share.release();
    response.end(JSON.stringify(answer));
  });
  listener.listen(0, '127.0.0.1');
  onTestFinished(() => void listener.close());
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const send = async (body: string, chunk: number) =>
    (await postChunks(`http://127.0.0.1:${port}`, body, chunk)).json();

  const text = JSON.stringify({ prompt: 'x'.repeat(40_000) });
  for (let round = 0; round < 2; round++) expect(await send(text, 100)).toEqual(JSON.parse(text));
  expect(await send('{"prompt": "x"}', 1)).toEqual({ prompt: 'x' });
  expect(await send(`"${'x'.repeat(70_000)}"`, 10_000)).toBe(413);
  expect(await send(JSON.stringify('x'.repeat(50_000)), 10_000)).toBe(503);
  expect(memory.used).toBe(0);
  // The connection is closed at once: chunks of a byte take longer to parse than to send.
  await expect(send(text, 1)).rejects.toThrow();
  await expect.poll(() => memory.used).toBe(0);
});

it('the rest of a body in tiny chunks is dropped', async () => {
  const bodies = new BodyReader(65_536, new LongWork());
  let kept = 0;
  const listener = createServer((request) => {
    const push = request.push.bind(request);
    request.push = (...chunk) => {
      kept += 1;
      return push(...chunk);
    };
    bodies.json(request, new RequestMemory(1e6).open('a')).catch(() => {});
  });
  listener.listen(0, '127.0.0.1');
  onTestFinished(() => void listener.close());
  await once(listener, 'listening');
  const socket = connect((listener.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => {});
  const head =
    'POST / HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n';
  socket.write(head + '1\r\n \r\n'.repeat(50_000));
  socket.resume();
  await new Promise((resolve) => socket.once('close', resolve));
  expect(kept).toBeGreaterThan(50);
  expect(kept).toBeLessThan(500);
});

it('requests that are refused wait for their turn when the thread is busy', async () => {
  const { longWork } = server.runtime;
  const refused = ['/nothing', '/v1/models', '/metrics'].map((path) => fetch(server.url + path));
  expect((await Promise.all(refused)).map(({ status }) => status)).toEqual([404, 401, 200]);
  await longWork.once(() => {}, { client: 'other' }, 1e6); // others have had far more than their share
  longWork.limited = true;
  let answered = 0;
  const waiting = ['/nothing', '/v1/models', '/metrics'].map(async (path) => {
    await fetch(server.url + path);
    answered += 1;
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(answered).toBe(0);
  longWork.limited = false;
  await Promise.all(waiting);
});

it('a body whose client has left before it is read is an error, not a wait', async () => {
  const bodies = new BodyReader(65_536, new LongWork());
  const read = Promise.withResolvers<unknown>();
  const listener = createServer(async (request) => {
    await once(request, 'close').catch(() => {}); // emits an error first
    const share = new RequestMemory(1e6).open('a');
    read.resolve(await bodies.json(request, share).catch((error) => error));
  });
  listener.listen(0, '127.0.0.1');
  onTestFinished(() => void listener.close());
  await once(listener, 'listening');
  const socket = connect((listener.address() as AddressInfo).port, '127.0.0.1');
  const type = 'content-type: application/json';
  socket.write(`POST / HTTP/1.1\r\nhost: localhost\r\n${type}\r\ncontent-length: 9\r\n\r\n{`);
  await once(listener, 'request');
  socket.destroy();
  expect(await read.promise).toBeInstanceOf(ClientGoneError);
});

/** A chunked request whose chunks arrive as such. */
async function postChunks(url: string, text: string, size: number): Promise<Response> {
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= bytes.length) controller.close();
      else controller.enqueue(bytes.subarray(at, at + size));
      at += size;
    },
  });
  const type = { 'content-type': 'application/json' };
  return fetch(url, { method: 'POST', body, headers: type, duplex: 'half' } as RequestInit);
}

it('a damaged session can be deleted, and replaced', async () => {
  const complete = (body: object) =>
    server.post('/v1/completions', { prompt: 'x', max_tokens: 1, ...body }, headers);
  const { state } = (await (await complete({ return_state: true })).json()) as { state: string };
  for (const session of ['one', 'two']) expect((await complete({ session })).status).toBe(200);
  const [owner] = (await readdir(folder)).filter((name) => /^[0-9a-f]{24}$/.test(name));
  for (const name of ['one', 'two']) await writeFile(join(folder, owner!, `${name}.session`), 'damaged');
  expect((await complete({ session: 'one' })).status).toBe(400);
  const ask = (id: string, init: RequestInit) =>
    fetch(`${server.url}/v1/sessions/${id}`, {
      ...init,
      headers: { ...headers, 'content-type': 'application/json' },
    });
  expect((await ask('one', { method: 'DELETE' })).status).toBe(200);
  expect((await ask('one', { method: 'DELETE' })).status).toBe(404);
  expect((await ask('two', { method: 'PUT', body: JSON.stringify({ state }) })).status).toBe(200);
  expect((await complete({ session: 'two' })).status).toBe(200);
});

it('a second server on the folder of sessions is refused', async () => {
  const second = openRuntime(server.folder, { threads: 1, sessions: folder });
  await expect(second).rejects.toThrow(InputError);
});

it('a server that fails to start leaves no lock', async () => {
  const sessions = await mkdtemp(join(tmpdir(), 'plusminus-sessions-'));
  onTestFinished(() => rm(sessions, { recursive: true }));
  const open = (options: object) => openRuntime(server.folder, { threads: 1, sessions, ...options });
  await expect(open({ secret: new Uint8Array(3) })).rejects.toThrow('secret: found 3 bytes');
  await expect(openRuntime(join(sessions, 'none'), { sessions })).rejects.toThrow(InputError);
  await (await open({})).close();
  expect(await readdir(sessions)).toEqual(['secret']);
});

it('what a crash left half written is removed at the start', async () => {
  const sessions = await mkdtemp(join(tmpdir(), 'plusminus-sessions-'));
  onTestFinished(() => rm(sessions, { recursive: true }));
  const owner = join(sessions, 'a'.repeat(24));
  await mkdir(owner);
  const ended = `partial-0123abcd-${(await endedProcess()).pid}-1-${parseMark(ownMark())!.host}`;
  const running = `partial-0123abcd-${ownMark()}`;
  for (const name of [`a.session.${ended}`, `b.session.${running}`, 'c.session'])
    await writeFile(join(owner, name), '');
  await writeFile(join(sessions, `secret.${ended}`), '');
  await (await openRuntime(server.folder, { threads: 1, sessions })).close();
  expect((await readdir(owner)).sort()).toEqual([`b.session.${running}`, 'c.session']);
  expect((await readdir(sessions)).sort()).toEqual([basename(owner), 'secret']);
});

async function endedProcess(): Promise<{ pid: number }> {
  const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
  await once(child, 'close');
  return { pid: child.pid! };
}

it('messages may carry empty fields of answers, and the type that harnesses send', async () => {
  const chat = (fields: object) =>
    server.post(
      '/v1/chat/completions',
      { messages: [{ role: 'user', content: 'x', ...fields }], max_tokens: 1 },
      headers,
    );
  const nothing = {
    refusal: null,
    annotations: [],
    tool_calls: null,
    function_call: null,
    parsed: null,
    audio: null,
  };
  for (const fields of [nothing, { tool_calls: [], name: 'a' }, { type: 'text' }])
    expect((await chat(fields)).status).toBe(200);
  for (const [fields, name] of [
    [{ tool_calls: [{}] }, 'tool_calls'],
    [{ refusal: 'no' }, 'refusal'],
    [{ other: null }, 'other'],
  ] as const) {
    const response = await chat(fields);
    expect(response.status).toBe(400);
    expect(await response.text()).toContain(`messages[0].${name}`);
  }
});

it.each(['llama', 'bitnet'] as const)('%s keeps to its context length', async (architecture) => {
  const short = await startTestServer({}, {}, { architecture, contextLength: 16 });
  onTestFinished(() => short.close());
  const ask = (count: number) =>
    short.post('/v1/completions', { prompt: Array(count).fill(7), max_tokens: 30, ignore_eos: true });
  const refused = await ask(17);
  expect(refused.status).toBe(400);
  expect(await refused.json()).toMatchObject({ error: { code: 'context_length_exceeded', param: 'prompt' } });
  for (const count of [1, 10, 16]) {
    const answered = await ask(count);
    expect(answered.status).toBe(200);
    expect(await answered.json()).toMatchObject({
      choices: [{ finish_reason: 'length' }],
      usage: { completion_tokens: 17 - count },
    });
  }
});

it.each(['CON', 'nul', 'Com1', 'LPT9'])('no session is called %s', async (session) => {
  const response = await server.post('/v1/completions', { prompt: 'x', session }, headers);
  expect(response.status).toBe(400);
});

it('a full disk is 507, and damaged weights are 500', () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
  expect(apiErrorOf(full)).toMatchObject({ status: 507 });
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const logits = Float32Array.of(1, value, 2);
    for (const use of [
      () => logProbability(logits, 0, 2),
      () => sample(logits, { temperature: 0 }, new SeededRandom(1)),
    ])
      expect(statusOf(use)).toBe(500);
  }
});

function statusOf(use: () => unknown): number | undefined {
  try {
    use();
    return undefined;
  } catch (error) {
    return apiErrorOf(error).status;
  }
}
