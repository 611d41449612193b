/**
 * Mutated inputs for every reader: each is read or refused with an InputError, within five seconds and a gigabyte.
 * Readers run in a worker, so that one that hangs or takes all memory is noticed and named.
 */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { budget, record, seed } from './budget.ts';
import type { Report } from './mutationWorker.ts';

const hangMs = 5000;
const heapMb = 1024;

function mutate(milliseconds: number): Promise<Report> {
  const beat = new Int32Array(new SharedArrayBuffer(8));
  const worker = new Worker(join(import.meta.dirname, 'mutationWorker.ts'), {
    workerData: { seed, milliseconds, beat },
    resourceLimits: { maxOldGenerationSizeMb: heapMb },
  });
  return new Promise((resolve, reject) => {
    let [last, since] = [-1, performance.now()];
    const watch = setInterval(() => {
      const at = Atomics.load(beat, 0);
      if (at !== last) [last, since] = [at, performance.now()];
      else if (performance.now() - since > hangMs && at > 0) {
        void worker.terminate();
        reject(new Error(`case ${at} of reader ${beat[1]} has not ended after ${hangMs} ms`));
      }
    }, 250);
    worker.once('message', resolve);
    worker.once('error', (error) =>
      reject(new Error(`case ${beat[0]} of reader ${beat[1]}: ${error.message}`)),
    );
    worker.once('exit', () => clearInterval(watch));
  });
}

it('no reader crashes, hangs or takes a gigabyte over mutated inputs', async () => {
  const { readers, crashes } = await mutate(budget('mutations'));
  const inputs = Object.values(readers).reduce((sum, reader) => sum + reader.inputs, 0);
  record('mutations', { inputs, crashes: crashes.length, hangs: 0, readers });
  expect(crashes).toEqual([]);
  for (const [name, { inputs: count, refused }] of Object.entries(readers)) {
    expect(count, name).toBeGreaterThan(0);
    expect(refused, `${name}: refused`).toBeGreaterThan(0);
  }
});
