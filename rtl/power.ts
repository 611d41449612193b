/**
 * Estimates the energy of a token from what toggles in the RTL: `npx node rtl/power.ts` runs the bundled stories model on the
 * Verilated cluster, reads waveforms of two blocks while they are written, and writes results/accelerator-power.json and .md.
 * `--from CYCLE` (default: 200000, in the second token) and `--cycles N` (default: 30000) choose the window.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, createReadStream, mkdtempSync, openSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { timeModel } from '../src/accelerator/blockTime.ts';
import { compileModel } from '../src/accelerator/compile/model.ts';
import { burstBytes, ddr4, defaultSizes } from '../src/accelerator/parameters.ts';
import { InputError } from '../src/errors.ts';
import { namedConfig } from '../src/model/config.ts';
import { buildBench, type RtlJob, rtlFolder, runBench } from './bench/bench.ts';
import { type Activity, ActivityReader } from './power/activity.ts';
import { type PowerReport, powerPage } from './power/page.ts';

const model = 'stories';
const scaledModel = '1.3B';
const clockMHz = 60;
const channels = 4;
/** The first tokens of a story that the model continues. */
const tokens = [1, 49, 78, 670];

function integer(value: string, name: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number > 0) return number;
  throw new InputError(`--${name}: found ${value}, expected a positive integer`);
}

/** Runs a job up to its last cycle and reads its waveforms from a pipe: they would fill a disk. */
async function activityOf(binary: string, job: RtlJob): Promise<Activity> {
  const folder = mkdtempSync(join(tmpdir(), 'plusminus-power-'));
  try {
    const pipe = join(folder, 'waves');
    if (spawnSync('mkfifo', [pipe]).status !== 0) throw new Error(`${pipe}: cannot make a pipe`);
    const reader = new ActivityReader();
    const read = async () => {
      for await (const chunk of createReadStream(pipe, { highWaterMark: 1 << 20 })) reader.write(chunk);
    };
    const run = runBench(binary, [{ ...job, waves: pipe }], () => {}).catch((error: unknown) => {
      closeSync(openSync(pipe, 'r+')); // a bench that never opened it would leave the reader waiting
      throw error;
    });
    await Promise.all([read(), run]);
    return reader.end();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function measure(from: number, cycles: number): Promise<PowerReport> {
  const timing = ddr4(clockMHz * 1e6, channels, defaultSizes.cores);
  const compiled = await compileModel(join(rtlFolder, '../models', model), { sizes: defaultSizes });
  const memory = compiled.image();
  const memoryBeats = 2 ** Math.ceil(Math.log2(memory.length / burstBytes));
  process.stderr.write('building the bench, where it is not built yet\n');
  const binary = buildBench({ ...defaultSizes, memoryBeats }, { waves: true });
  process.stderr.write(`reading waveforms of cycles ${from} to ${from + cycles}\n`);
  const activity = await activityOf(binary, {
    ...{ timing, program: compiled.program, memory, tokens, generate: 1 },
    ...{ maxCycles: from + cycles, wavesFrom: from },
  });
  const time = timeModel(namedConfig(scaledModel), 1, timing);
  return {
    ...{ model, tokens, clockMHz, channels, from, activity },
    scaled: {
      ...{ model: scaledModel, tokensPerSecond: (clockMHz * 1e6) / time.cyclesPerToken },
      weightBeats: time.weightBeatsPerToken,
      rowCycles: time.rowCyclesPerToken,
      beats: time.beatsPerToken,
    },
  };
}

try {
  const { values } = parseArgs({
    options: {
      from: { type: 'string', default: '200000' },
      cycles: { type: 'string', default: '30000' },
    },
  });
  const report = await measure(integer(values.from, 'from'), integer(values.cycles, 'cycles'));
  const base = join(rtlFolder, '../results/accelerator-power');
  await writeFile(`${base}.json`, `${JSON.stringify(report, undefined, 2)}\n`);
  await writeFile(`${base}.md`, powerPage(report));
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
