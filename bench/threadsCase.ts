/** One measurement of bench/threads.ts: decoding and reading a prompt on some threads, taken apart. */
import { Checkpoint } from '../src/checkpoint/checkpoint.ts';
import { loadParameters } from '../src/checkpoint/load.ts';
import { CpuEngine } from '../src/engine/cpu/cpuEngine.ts';
import type { KernelTime } from '../src/engine/engine.ts';
import { architectureOf } from '../src/model/architecture.ts';
import { Weights } from '../src/model/weights.ts';
import { fill } from '../src/ops/fill/fill.ts';
import { type Program, record } from '../src/program/record.ts';
import { sequenceReader } from '../src/run/readers.ts';
import { EngineParameterStore } from '../src/run/store.ts';
import { Turns } from '../src/run/turns.ts';
import { promptOf, promptTokens } from './protocol.ts';
import { median } from './statistics.ts';

type Executable = ReturnType<CpuEngine['load']>;

const tokens = 96;
const warm = 8;
const profiles = 9;
const promptRounds = 3;
const emptyPhases = 2000;

/** What a phase costs that is cut into four pieces a thread, each of which writes a cache line. */
export async function emptyPhaseMicroseconds(threads: number): Promise<number> {
  const engine = await CpuEngine.create({ threads, pieceWork: 1 });
  const program = record('phases', () => {
    for (let i = 0; i < emptyPhases; i++) fill([64 * threads], i);
  });
  const executable = engine.load(program);
  const times: number[] = [];
  for (let round = 0; round < 15; round++) {
    const start = performance.now();
    await executable.run();
    times.push(performance.now() - start);
  }
  await engine.dispose();
  return (1000 * Math.min(...times)) / emptyPhases;
}

/** Decodes and reads a prompt as the benchmark does, and profiles the programs that it ran. */
export async function measureThreads(folder: string, threads: number, readsPrompt: boolean) {
  const engine = await CpuEngine.create({ threads });
  const loaded: Executable[] = [];
  const load = engine.load.bind(engine);
  engine.load = (program: Program) => {
    const executable = load(program);
    loaded.push(executable);
    return executable;
  };
  const checkpoint = await Checkpoint.open(folder);
  const architecture = architectureOf(checkpoint.config);
  const specs = architecture.parameters();
  const store = new EngineParameterStore(engine, (dtypes) => new Weights(specs, 'inference', dtypes));
  await loadParameters(checkpoint, specs, store, { mode: 'inference' });
  await checkpoint.close();
  const vocabulary = checkpoint.config.vocabSize;
  const reader = sequenceReader({
    ...{ engine, architecture, vocabulary },
    ...{ weights: store.weights(), turns: new Turns() },
  });
  const state = reader.newState();
  await reader.run(promptOf(vocabulary).slice(0, warm), state, 'last');
  let token = 1;
  const times: number[] = [];
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  for (let i = 0; i < tokens; i++) {
    const before = performance.now();
    const logits = await reader.run([token], state, 'last');
    times.push(performance.now() - before);
    token = logits.indexOf(logits.reduce((a, b) => Math.max(a, b)));
  }
  const wall = performance.now() - start;
  const { user, system } = process.cpuUsage(cpuBefore);
  const profile = await profileOf(loaded.at(-1)!, profiles);
  const promptTimes: number[] = [];
  for (let i = 0; readsPrompt && i <= promptRounds; i++) {
    const before = performance.now();
    await reader.run(promptOf(vocabulary), reader.newState(), 'last');
    if (i > 0) promptTimes.push(performance.now() - before);
  }
  const prompt = readsPrompt && {
    tokensPerSecond: (1000 * promptTokens) / median(promptTimes),
    ...(await profileOf(loaded.at(-1)!, 3)),
  };
  const { description } = engine;
  await engine.dispose();
  return {
    ...{ threads, engine: description, token, ...profile },
    tokensPerSecond: 1000 / median(times),
    millisecondsMedian: median(times),
    millisecondsMin: Math.min(...times),
    /** Cores that the process kept busy, waiting included. */
    busyCores: (user + system) / 1000 / wall,
    systemShare: system / (user + system),
    ...(prompt && { prompt }),
  };
}

/** Phases of a program, and milliseconds in its kernels, each timed in a phase of its own. */
async function profileOf(executable: Executable, rounds: number) {
  const runs: KernelTime[][] = [];
  for (let i = 0; i < rounds; i++) runs.push(await executable.profile());
  const medians = runs[0]!.map((_, index) => median(runs.map((run) => run[index]!.milliseconds)));
  const { phases } = executable;
  const isSerial = phases.flatMap(({ kernels, pieces }) => kernels.map(() => pieces === 1));
  const serialMilliseconds = medians.reduce((sum, time, index) => sum + (isSerial[index] ? time : 0), 0);
  const byKernel: Record<string, number> = {};
  for (const [index, { kernel }] of runs[0]!.entries())
    byKernel[kernel] = (byKernel[kernel] ?? 0) + medians[index]!;
  return {
    kernels: medians.length,
    phases: phases.length,
    sharedPhases: phases.filter(({ pieces }) => pieces > 1).length,
    /** While one thread runs a small phase, the others wait. */
    serialMilliseconds,
    kernelMilliseconds: medians.reduce((sum, time) => sum + time, 0),
    byKernel,
  };
}
