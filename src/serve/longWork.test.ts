/** Long work runs in turns by client, and leaves most of the time to the steps of the batch. */
import { beforeEach, expect, it } from 'vitest';
import { LongWork } from './longWork.ts';

/** Time as the test tells it. */
let [now, idle] = [0, 0];
let work: LongWork;
beforeEach(() => {
  [now, idle] = [0, 0];
  work = new LongWork({ now: () => now, idle: () => idle });
});

/** Work without end, each part of which takes a millisecond. */
function* parts(client: string, log: string[]): Generator<undefined, void> {
  for (;;) {
    now += 1;
    log.push(client);
    yield;
  }
}

function start(client: string, log: string[]): () => void {
  const leaving = new AbortController();
  work.run(parts(client, log), { client, signal: leaving.signal }).catch(() => {});
  return () => leaving.abort();
}

/** Gives long work the opportunity to run, while the test's clock stands still. */
async function opportunity(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 3));
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}

it('clients take turns, however many requests one has', async () => {
  const log: string[] = [];
  const stops = ['a', 'a', 'a', 'a', 'b'].map((client) => start(client, log));
  await opportunity();
  for (const stop of stops) stop();
  const turns = log.filter((_, index) => index % 3 === 0); // a slice has three parts
  expect(turns.length).toBeGreaterThan(2);
  expect(turns).toEqual(turns.map((_, index) => (index % 2 === 0 ? 'a' : 'b')));
  expect(work.waiting).toBe(0);
});

it('takes an eighth of the busy time while sequences advance', async () => {
  const log: string[] = [];
  work.limited = true;
  const stop = start('a', log);
  const began = now;
  while (now < began + 240) {
    now += 3; // other work
    await opportunity();
  }
  stop();
  expect(log.length).toBeGreaterThanOrEqual(27);
  expect(log.length).toBeLessThanOrEqual(33);
});

it('takes the time that the thread has nothing else to do', async () => {
  const log: string[] = [];
  work.limited = true;
  const stop = start('a', log);
  await opportunity();
  expect(log.length).toBe(3);
  now += 2.9;
  idle += 2.9;
  await opportunity();
  expect(log.length).toBe(3);
  now += 0.2;
  idle += 0.2;
  await opportunity();
  expect(log.length).toBe(6);
  work.limited = false;
  await opportunity();
  stop();
  expect(log.length).toBeGreaterThan(9);
});

it('what cannot pause makes others wait in proportion', async () => {
  work.limited = true;
  const long = () => {
    now += 40;
    return 'done';
  };
  expect(await work.once(long, { client: 'a' })).toBe('done');
  const log: string[] = [];
  const stop = start('b', log);
  now += 7 * 40 - 1;
  await opportunity();
  expect(log).toEqual([]);
  now += 1;
  await opportunity();
  expect(log.length).toBe(3);
  stop();
});

it('ends with the reason of its request, or its own error', async () => {
  const leaving = new AbortController();
  const running = work.run(parts('a', []), { client: 'a', signal: leaving.signal });
  await opportunity();
  leaving.abort(new Error('has left'));
  await expect(running).rejects.toThrow('has left');
  await expect(work.once(() => 1, { client: 'a', signal: leaving.signal })).rejects.toThrow('has left');
  const failing = () => {
    throw new Error('broken');
  };
  await expect(work.once(failing, { client: 'a' })).rejects.toThrow('broken');
});
