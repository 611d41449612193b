/** Reads mutated inputs for a given time, all readers in turn; see mutations.test.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { InputError } from '../../src/errors.ts';
import { ApiError } from '../../src/serve/apiError.ts';
import { SeededRandom } from '../../src/text/seededRandom.ts';
import { mutated } from './mutated.ts';
import { makeReaders } from './readers.ts';

export interface ReaderCounts {
  inputs: number;
  refused: number;
  /** Milliseconds of the slowest input. */
  slowest: number;
}

export interface Report {
  readonly readers: Record<string, ReaderCounts>;
  /** Reader, number of the input and what it threw. */
  readonly crashes: readonly string[];
}

const { seed, milliseconds, beat } = workerData as { seed: number; milliseconds: number; beat: Int32Array };
const maxCrashes = 20;

const readers = await makeReaders();
const counts: Record<string, ReaderCounts> = {};
const crashes: string[] = [];
const random = new SeededRandom(seed);
const end = performance.now() + milliseconds;
for (let number = 1; performance.now() < end && crashes.length < maxCrashes; number++) {
  for (const [index, { name, samples, read, repair }] of readers.entries()) {
    counts[name] ??= { inputs: 0, refused: 0, slowest: 0 };
    const count = counts[name];
    Atomics.store(beat, 1, index);
    Atomics.store(beat, 0, number * readers.length + index);
    const sample = samples[random.integer(samples.length)]!;
    const input = mutated(sample, random);
    if (repair && random.integer(2) === 0) repair(input); // so that what lies behind a checksum is reached
    const start = performance.now();
    try {
      await read(input);
    } catch (error) {
      if (error instanceof InputError || error instanceof ApiError) count.refused++;
      else crashes.push(`${name}, input ${count.inputs}: ${(error as Error).stack?.slice(0, 600)}`);
    }
    count.inputs++;
    count.slowest = Math.max(count.slowest, Math.round(performance.now() - start));
  }
}
parentPort!.postMessage({ readers: counts, crashes } satisfies Report);
