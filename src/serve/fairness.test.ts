/** Clients share slots and queue: one with many requests neither starves the others nor loses anything of its answers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ArchitectureName, architectureNames } from '../model/config.ts';
import { networkOf } from './address.ts';
import { FairQueue } from './fairQueue.ts';
import { type Completion, startTestServer, type TestServer } from './testing.ts';

const soon = { interval: 2, timeout: 10_000 };

const served: [ArchitectureName, boolean][] = [
  ...architectureNames.map((name): [ArchitectureName, boolean] => [name, false]),
  ['matmul-free', true],
];

describe.each(served)('%s, one by one: %s', (architecture, oneByOne) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer(
      { slots: 4, maxWaiting: 4, oneByOne },
      { apiKeys: ['a', 'b', 'c'] },
      { architecture },
    );
  });
  afterAll(() => server?.close());

  const ask = (key: string, body: object) =>
    server.post('/v1/completions', { ignore_eos: true, ...body }, { authorization: `Bearer ${key}` });
  const textsOf = async (response: Response) =>
    ((await response.json()) as Completion).choices.map(({ text }) => text);

  it('answers a client while another has all slots and the queue', async () => {
    const long = (seed: number) => ({ prompt: 'The captain saw', seed, max_tokens: 200 });
    const seeds = [1, 2, 3, 4, 5, 6, 7, 8];
    const alone = await Promise.all([3, 4].map(async (seed) => textsOf(await ask('a', long(seed)))));
    let ended = 0;
    const many = seeds.map(async (seed) => {
      const texts = await textsOf(await ask('a', long(seed)));
      ended += 1;
      return texts;
    });
    await expect.poll(() => server.runtime.scheduler.waiting, soon).toBe(4);
    expect((await ask('a', { prompt: 'x' })).status).toBe(429);
    const others = await Promise.all(
      ['b', 'c'].map((key) => ask(key, { prompt: 'x', seed: 1, max_tokens: 3 })),
    );
    expect(ended).toBe(0);
    expect(others.map(({ status }) => status)).toEqual([200, 200]);
    const texts = await Promise.all(many);
    expect([texts[2], texts[3]]).toEqual(alone); // these were parked
    await expect.poll(() => server.runtime.scheduler.active).toBe(0);
  });

  it('frees the slots of clients that leave while their sequences are parked', async () => {
    const leaving = new AbortController();
    const gone = [1, 2, 3, 4, 5, 6].map((seed) =>
      fetch(`${server.url}/v1/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: 'Bearer a' },
        body: JSON.stringify({ prompt: 'x', seed, max_tokens: 200, ignore_eos: true }),
        signal: leaving.signal,
      }),
    );
    await expect.poll(() => server.runtime.scheduler.waiting, soon).toBe(2);
    const other = ask('b', { prompt: 'x', n: 2, max_tokens: 100 });
    await expect.poll(() => server.runtime.scheduler.waiting, soon).toBe(4); // two are parked
    leaving.abort();
    await Promise.allSettled(gone);
    expect((await other).status).toBe(200);
    await expect.poll(() => server.runtime.scheduler.active).toBe(0);
    expect(server.runtime.scheduler.waiting).toBe(0);
  });
});

it('the queue serves the client that holds the least, and equal ones in turn', () => {
  const queue = new FairQueue<string>();
  for (const item of ['a1', 'a2', 'a3', 'b1', 'b2', 'c1']) queue.add(item[0]!, item);
  queue.add('b', 'b0', true);
  queue.delete('a', 'a2');
  queue.delete('a', 'a2');
  const held: Record<string, number> = { c: 1 };
  const order = Array.from({ length: 7 }, () => queue.next((client) => held[client] ?? 0));
  expect(order).toEqual(['a1', 'b0', 'a3', 'b1', 'b2', 'c1', undefined]);
  expect(queue.size).toBe(0);
});

it.each([
  ['10.1.2.3', '10.1.2.3'],
  ['::ffff:10.1.2.3', '10.1.2.3'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8:1:2::6', '2001:db8:1:2'],
  ['2001:db8::6', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
])('%s is of the network %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});
