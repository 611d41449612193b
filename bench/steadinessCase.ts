/**
 * One training of some minutes, in a process of its own: the heap that it holds and the pauses that it makes.
 *
 *   node --expose-gc bench/steadinessCase.ts ENGINE MINUTES    prints JSON, a line after each tenth of the time
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { mobyDick } from '../src/cli/mobyDick.ts';
import type { EngineChoice } from '../src/engine/engines.ts';
import { beginRun } from '../src/train/begin.ts';
import type { LogLine } from '../src/train/log.ts';
import { withMachine } from '../src/train/machine.ts';
import type { Run } from '../src/train/run.ts';
import { parseSettings } from '../src/train/settings.ts';

export interface Steadiness {
  readonly device: string;
  readonly steps: number;
  /** Watched so far. */
  readonly minutes: number;
  /** Held after a collection: at the beginning, after each tenth of the time, and at the end. */
  readonly heapMegabytes: readonly number[];
  /** Whether more is held at the end than in the middle, by more than caches that fill. */
  readonly grows: boolean;
  /** Milliseconds in which the event loop could not answer, apart from the requested collections, by part of the time. */
  readonly pauses: readonly number[];
  /** The longest of them. */
  readonly longestPause: number;
  /** Milliseconds before that, while the first step compiled its kernels. */
  readonly firstPause: number;
}

/** Programs, tokens and lines of the log fill caches while a run begins. */
const toleratedMegabytes = 2;
const parts = 10;

/** Trains through the loop of `plusminus train`: with its log, its validations and its checkpoints. */
async function watch(run: Run, minutes: number): Promise<Steadiness> {
  const heapMegabytes: number[] = [];
  const delays = monitorEventLoopDelay({ resolution: 1 });
  const signal = AbortSignal.timeout(60_000 * minutes);
  const begin = performance.now();
  const pauses: number[] = [];
  let firstPause = 0;
  const look = () => {
    delays.disable();
    const pause = delays.count > 0 ? Math.round(delays.max / 1e5) / 10 : 0;
    if (heapMegabytes.length === 0) firstPause = pause;
    else pauses.push(pause);
    (globalThis as { gc?: () => void }).gc!();
    heapMegabytes.push(Math.round(process.memoryUsage().heapUsed / 1e5) / 10);
    delays.reset();
    delays.enable();
  };
  const found = () => {
    const [middle, last] = [heapMegabytes[Math.floor(heapMegabytes.length / 2)]!, heapMegabytes.at(-1)!];
    const grows = last > middle + toleratedMegabytes;
    const passed = (performance.now() - begin) / 60_000;
    const device = run.trainer.engine.description;
    const steps = run.step;
    const longestPause = Math.max(0, ...pauses);
    return { device, steps, minutes: passed, heapMegabytes, grows, pauses, longestPause, firstPause };
  };
  delays.enable();
  const onLine = ({ event }: LogLine) => {
    if (heapMegabytes.length === 0 && event !== 'step') return; // a training begins with a validation
    const passed = ((performance.now() - begin) / (60_000 * minutes)) * parts;
    if (passed < heapMegabytes.length) return; // the first look is after the first step
    look();
    console.log(JSON.stringify(found()));
  };
  await run.train({ signal, onLine });
  look();
  return found();
}

const [engine, minutes] = process.argv.slice(2);
const work = await mkdtemp(join(tmpdir(), 'plusminus-steady-'));
try {
  const chapters = await mobyDick();
  async function* data() {
    yield* chapters;
  }
  const settings = parseSettings({ steps: 1e7, batch: 8, length: 256, validation: 16 });
  const plan = { folder: join(work, 'run'), model: { name: 'tiny' }, vocabulary: 512, data, settings };
  await withMachine({ engine: engine as EngineChoice }, async (machine) => {
    const run = await beginRun(plan, machine);
    try {
      console.log(JSON.stringify(await watch(run, Number(minutes))));
    } finally {
      await run.close();
    }
  });
} finally {
  await rm(work, { recursive: true });
}
