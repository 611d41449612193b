/** Long work runs in turns by client, and hardly delays the steps of the batch. */
import { expect, it } from 'vitest';
import { LongWork } from './longWork.ts';

const turnOfLoop = () => new Promise((resolve) => setImmediate(resolve));

/** Waits for slices again and again, until aborted. */
function worker(work: LongWork, client: string, log: string[]) {
  const leaving = new AbortController();
  const done = (async () => {
    for (;;) {
      await work.turn({ client, signal: leaving.signal });
      log.push(client);
    }
  })();
  done.catch(() => {});
  return () => leaving.abort();
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turnOfLoop();
}

it('clients take turns, however many requests one has', async () => {
  const work = new LongWork();
  const log: string[] = [];
  const stops = ['a', 'a', 'a', 'a', 'a', 'b'].map((client) => worker(work, client, log));
  await turns(20);
  for (const stop of stops) stop();
  expect(log.length).toBeGreaterThan(10);
  expect(log.slice(1, 11).filter((client) => client === 'b').length).toBe(5);
  await turns(3);
  expect(work.waiting).toBe(0);
});

it('between two steps at most one slice runs, while a step is computed more', async () => {
  const work = new LongWork();
  const log: string[] = [];
  const stop = worker(work, 'a', log);
  const during = async (phase: () => void) => {
    phase();
    const before = log.length;
    await turns(10);
    return log.length - before;
  };
  expect(await during(() => work.stepBegan())).toBeGreaterThan(5);
  expect(await during(() => work.stepEnded())).toBe(0);
  for (let step = 0; step < 3; step++) {
    work.stepBegan();
    work.stepEnded();
    expect(await during(() => {})).toBe(1); // a step that takes no time starves it not
  }
  expect(await during(() => work.stepsPaused())).toBeGreaterThan(5);
  stop();
});

it('ends with the reason of its request', async () => {
  const work = new LongWork();
  const leaving = new AbortController();
  function* forever(): Generator<undefined, void> {
    for (;;) yield;
  }
  const running = work.run(forever(), { client: 'a', signal: leaving.signal });
  await turns(3);
  leaving.abort(new Error('has left'));
  await expect(running).rejects.toThrow('has left');
  await expect(work.turn({ client: 'a', signal: leaving.signal })).rejects.toThrow('has left');
});
