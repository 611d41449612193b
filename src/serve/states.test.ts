/** States: kept in the cache, taken along by clients, kept as sessions. A text must not depend on any of them. */
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InputError } from '../errors.ts';
import { ResponseFiles } from './responseFiles.ts';
import { KeptResponses } from './responses.ts';
import { StateSigner } from './signedState.ts';
import { StateCache } from './stateCache.ts';
import { StateFiles } from './stateFiles.ts';
import { startTestServer, type TestServer, textOf } from './testing.ts';

const secret = new Uint8Array(32).fill(7);
let folder: string;
let server: TestServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plusminus-states-'));
  server = await startTestServer({ secret, sessions: join(folder, 'sessions') });
});
afterAll(async () => {
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

const long = 'It was the whale, the white whale, and nobody on the ship had slept. '.repeat(4);
const greedy = { temperature: 0, max_tokens: 10 };
const seeded = { temperature: 1.2, seed: 9, max_tokens: 10, repetition_penalty: 1.3 };

describe('state cache', () => {
  it('reads a text again from where it is known, and answers the same', async () => {
    for (const options of [greedy, seeded]) {
      const first = await server.complete({ ...options, prompt: `${long}A` });
      const again = await server.complete({ ...options, prompt: `${long}A` });
      expect(again.choices[0]!.text).toBe(first.choices[0]!.text);
      const { prompt_tokens, prompt_tokens_details } = again.usage;
      expect(prompt_tokens_details.cached_tokens).toBe(prompt_tokens - 1);
    }
  });

  it('keeps the beginning that two texts share, and the answer', async () => {
    const prompt = (end: string) =>
      server.model.tokenizer!.encode(`The ship lay in the harbour. ${long}${end}`);
    const expected = async (tokens: number[]) =>
      textOf(server.model.generate(tokens, { temperature: 0, maxTokens: 10 }));
    const ends = ['Ahab said', 'Starbuck', 'and the crew'];
    for (const [index, end] of ends.entries()) {
      const tokens = prompt(end);
      const { choices, usage } = await server.complete({ ...greedy, prompt: tokens });
      expect(choices[0]!.text).toBe(await expected(tokens));
      const { cached_tokens } = usage.prompt_tokens_details;
      if (index === 2) expect(cached_tokens).toBeGreaterThan(tokens.length - 8); // the second made it a state
    }
    const ids: number[] = [];
    const start = prompt(ends[0]!);
    await textOf(
      server.model.generate(start, { temperature: 0, maxTokens: 10, onToken: (id) => ids.push(id) }),
    );
    const next = [...start, ...ids, 5, 6];
    const { choices, usage } = await server.complete({ ...greedy, prompt: next });
    expect(usage.prompt_tokens_details.cached_tokens).toBe(start.length + 9);
    expect(choices[0]!.text).toBe(await expected(next));
  });

  it('forgets the oldest, and stays within its bytes', async () => {
    const cache = new StateCache(10_000);
    for (let i = 0; i < 100; i++) {
      cache.put([i % 10, i, 1, 2, 3], new Float32Array(100).fill(i));
      expect(cache.bytes).toBeLessThanOrEqual(10_000);
    }
    expect((await cache.find([9, 99, 1, 2, 3, 4])).state![0]).toBe(99);
    expect(await cache.find([0, 0, 1, 2, 3])).toMatchObject({ length: 0, state: undefined });
    expect(cache.entries).toBe(22);
    cache.put([1, 2], new Float32Array(5000)); // larger than all
    expect(await cache.find([1, 2])).toMatchObject({ length: 0, state: undefined });
  });

  it('continues from the disk, also after a restart, and not from files that are damaged or of another model', async () => {
    const options = { bytes: 40_000, model: new Uint8Array(32).fill(1), stateSize: 100 };
    const path = join(folder, 'cache');
    const open = async (change: Partial<typeof options> = {}) => {
      const files = await StateFiles.open(path, { ...options, ...change });
      return { files, cache: new StateCache(2000, files) };
    };
    const { files, cache } = await open();
    for (let i = 0; i < 20; i++) cache.put([i, i + 1], new Float32Array(100).fill(i));
    for (let i = 0; i < 20; i++)
      expect((await cache.find([i, i + 1, 7])).state).toEqual(new Float32Array(100).fill(i));
    await files.flush();
    const names = await readdir(path);
    expect(names.length).toBeGreaterThanOrEqual(16);
    await truncate(join(path, names[0]!), 60);
    const bytes = await readFile(join(path, names[1]!));
    bytes[80]! ^= 1;
    await writeFile(join(path, names[1]!), bytes);

    const restarted = await open();
    expect(restarted.files.list()).toHaveLength(names.length - 2);
    const { tokens } = restarted.files.list()[0]!;
    expect((await restarted.cache.find([...tokens, 7])).state).toEqual(
      new Float32Array(100).fill(tokens[0]!),
    );
    expect((await open({ model: new Uint8Array(32).fill(2) })).files.list()).toEqual([]);
  });

  it('keeps its files within their bytes', async () => {
    const path = join(folder, 'small-cache');
    const files = await StateFiles.open(path, { bytes: 5000, model: new Uint8Array(32), stateSize: 100 });
    const cache = new StateCache(1, files);
    for (let i = 0; i < 50; i++) {
      cache.put([i], new Float32Array(100));
      await files.flush();
    }
    expect(cache.entries).toBe(10);
    await expect.poll(async () => (await readdir(path)).length).toBe(10);
  });

  it('writes no state that is larger than its bytes, and removes such a file', async () => {
    const path = join(folder, 'tiny-cache');
    const owner = { model: new Uint8Array(32), stateSize: 100 };
    for (const [bytes, names] of [
      [1000, 1],
      [300, 0],
    ] as const) {
      const files = await StateFiles.open(path, { bytes, ...owner });
      files.write([1], new Float32Array(100));
      await files.flush();
      expect(await readdir(path)).toHaveLength(names);
    }
  });

  it('writes a state again after its file was removed', async () => {
    const path = join(folder, 'emptied-cache');
    const files = await StateFiles.open(path, { bytes: 5000, model: new Uint8Array(32), stateSize: 1 });
    const name = files.write([1], Float32Array.of(7))!;
    await files.flush();
    await rm(join(path, name));
    expect(await files.read(name)).toBeUndefined();
    files.write([1], Float32Array.of(7));
    await files.flush();
    expect(await files.read(name)).toEqual(Float32Array.of(7));
  });
});

it('responses are kept within their bytes, instructions included', async () => {
  const kept = new KeptResponses(1e5);
  const session = { tokens: 1, unread: [1], recent: [1], state: new Float32Array(4) };
  for (const id of ['first', 'second'])
    kept.keep('me', id, { session, instructions: id + 'x'.repeat(40_000) });
  await expect(kept.get('me', 'first')).rejects.toMatchObject({ status: 404 });
  expect(await kept.get('me', 'second')).toMatchObject({ session });
});

it('a disk that does not keep up with responses loses some, and takes later ones', async () => {
  const stateSize = 2 ** 20;
  const signer = new StateSigner(secret, new Uint8Array(32), { fingerprint: 1, vocabulary: 10, stateSize });
  const files = await ResponseFiles.open({ folder: join(folder, 'responses'), bytes: 1e9, signer });
  const session = { tokens: 1, unread: [1], recent: [1], state: new Float32Array(stateSize) };
  const write = (key: string) => files.write(key, { session, instructions: null });
  for (let k = 0; k < 15; k++) write(`${k}`); // of 5.6 MB each, without a pause
  await files.flush();
  const found = await Promise.all([0, 10, 11, 14].map(async (k) => (await files.read(`${k}`)) !== undefined));
  expect(found).toEqual([true, true, false, false]);
  write('later');
  await files.flush();
  expect(await files.read('later')).toMatchObject({ instructions: null });
});

describe('a state that a client takes along', () => {
  it('continues as if the conversation had never been interrupted, on any replica', async () => {
    const replica = await startTestServer({ secret });
    const first = await server.complete({ ...greedy, prompt: 'Call me', return_state: true });
    const second = await replica.complete({ ...greedy, prompt: '', state: first.state, return_state: true });
    const third = await server.complete({ ...greedy, prompt: [5, 6], state: second.state });
    const session = server.model.session();
    await session.append('Call me');
    const options = { temperature: 0, maxTokens: 10 };
    const expected = [await textOf(session.generate(options)), await textOf(session.generate(options))];
    await session.append([5, 6]);
    expected.push(await textOf(session.generate(options)));
    expect([first, second, third].map(({ choices }) => choices[0]!.text)).toEqual(expected);
    await replica.close();
  });

  it('answers the next message of a chat without the earlier ones', async () => {
    const messages = [{ role: 'user', content: 'Who are you?' }];
    const chat = async (body: object) => {
      const response = await server.post('/v1/chat/completions', { ...greedy, ...body });
      return (await response.json()) as { choices: { message: { content: string } }[]; state: string };
    };
    const first = await chat({ messages, return_state: true });
    const answer = first.choices[0]!.message;
    const next = { role: 'user', content: 'And then?' };
    const second = await chat({ messages: [next], state: first.state });
    // What the model has read: the first prompt, its own tokens, and the template's text in between.
    const tokenizer = server.model.tokenizer!;
    const session = server.model.session();
    await session.append(`<|user|>user: Who are you?<|end|>\n<|user|>assistant: `, {
      addSpecialTokens: false,
      allowSpecial: true,
    });
    expect(await textOf(session.generate({ temperature: 0, maxTokens: 10 }))).toBe(answer.content);
    const between = '<|end|>\n<|user|>user: And then?<|end|>\n<|user|>assistant: ';
    await session.append(tokenizer.encode(between, { addSpecialTokens: false, allowSpecial: true }));
    const options = { temperature: 0, maxTokens: 10, stop: '<|end|>' };
    expect(second.choices[0]!.message.content).toBe(await textOf(session.generate(options)));
  });

  it('is refused if anything about it was changed', async () => {
    const { state } = await server.complete({ ...greedy, prompt: 'Call me', return_state: true });
    const bytes = Buffer.from(state!.slice(5), 'base64url');
    const forged: string[] = [
      '',
      'pms1.',
      'pms2.AAAA',
      state!.slice(0, -4),
      `${state}A`,
      state!.replace('pms1.', ''),
    ];
    for (let at = 0; at < bytes.length; at += 1 + (at >> 3)) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1 << (at % 8);
      forged.push(`pms1.${changed.toString('base64url')}`);
    }
    for (const one of forged) {
      const response = await server.post('/v1/completions', { ...greedy, prompt: 'x', state: one });
      expect(response.status, one.slice(0, 40)).toBe(400);
      expect(((await response.json()) as { error: { param: string } }).error.param).toBe('state');
    }
  });

  it('is refused by another model, and by a server with another secret', async () => {
    const { state } = await server.complete({ ...greedy, prompt: 'Call me', return_state: true });
    const owner = { fingerprint: 1, vocabulary: 600, stateSize: 288 };
    const otherModel = new StateSigner(secret, new Uint8Array(32), owner);
    const otherSecret = new StateSigner(new Uint8Array(32), server.runtime.modelHash, owner);
    expect(() => otherModel.verify(state!)).toThrow(
      /it belongs to the model [0-9a-f]{12}, this one is 000000000000/,
    );
    expect(() => otherSecret.verify(state!)).toThrow(InputError);
    expect(() => otherSecret.verify(state!)).toThrow(/signature is wrong/);
  });
});

describe('a session that the server keeps', () => {
  const get = (path: string) => fetch(`${server.url}/v1/sessions${path}`);

  it('continues from request to request', async () => {
    const session = server.model.session();
    await session.append('Call me');
    for (const prompt of ['Call me', '', ''])
      expect((await server.complete({ ...greedy, prompt, session: 'one' })).choices[0]!.text).toBe(
        await textOf(session.generate({ temperature: 0, maxTokens: 10 })),
      );
    expect(await (await get('/one')).json()).toMatchObject({ id: 'one', tokens: session.tokens });
    expect(await (await get('')).json()).toMatchObject({ data: [{ id: 'one' }] });
  });

  it('can be taken along, brought and deleted', async () => {
    const { state } = (await (await get('/one')).json()) as { state: string };
    const put = await fetch(`${server.url}/v1/sessions/two`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ state }),
    });
    expect(put.status).toBe(200);
    const [one, two] = await Promise.all(
      ['one', 'two'].map((session) => server.complete({ ...greedy, prompt: '', session })),
    );
    expect(two!.choices[0]!.text).toBe(one!.choices[0]!.text);
    const remove = () => fetch(`${server.url}/v1/sessions/two`, { method: 'DELETE' });
    expect((await remove()).status).toBe(200);
    expect((await remove()).status).toBe(404);
    expect((await get('/two')).status).toBe(404);
  });

  it('is used by one request at a time', async () => {
    const ask = () => server.post('/v1/completions', { prompt: 'x', max_tokens: 50, session: 'busy' });
    const statuses = (await Promise.all([ask(), ask(), ask()])).map(({ status }) => status).sort();
    expect(statuses).toEqual([200, 409, 409]);
    expect((await ask()).status).toBe(200);
  });

  it('is not left busy by a request that is refused', async () => {
    const ask = (body: object) => server.post('/v1/completions', { prompt: 'x', session: 'three', ...body });
    expect((await ask({ n: 2 })).status).toBe(400);
    expect((await ask({ max_tokens: 1e9 })).status).toBe(400);
    expect((await ask({})).status).toBe(200);
  });

  it('belongs to one key', async () => {
    const keyed = await startTestServer({ sessions: join(folder, 'keyed') }, { apiKeys: ['a', 'b'] });
    const ask = (key: string) =>
      keyed.post('/v1/completions', { prompt: 'Call', session: 's' }, { authorization: `Bearer ${key}` });
    expect((await ask('a')).status).toBe(200);
    const list = async (key: string) => {
      const response = await fetch(`${keyed.url}/v1/sessions`, {
        headers: { authorization: `Bearer ${key}` },
      });
      return ((await response.json()) as { data: unknown[] }).data.length;
    };
    expect([await list('a'), await list('b')]).toEqual([1, 0]);
    await keyed.close();
  });

  it.each(['../x', '..%2Fx', 'a/b', '%00', '.', 'x'.repeat(65), 'é', 'a b', ''])(
    'has no name like %j',
    async (id) => {
      const response = await server.post('/v1/completions', { prompt: 'x', session: id });
      expect(response.status).toBe(400);
      const path = await get(`/${encodeURIComponent(id)}`);
      expect([400, 404, 200]).toContain(path.status);
      if (path.status === 200) expect(id).toMatch(/^\.?$/); // the list itself
    },
  );
});
