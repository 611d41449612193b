/**
 * Runs a program on the Verilated RTL, and on the simulator beside it: `npx node rtl/run.ts program.s --waves run.vcd`.
 * Takes what `plusminus accelerator simulate` takes: a compiled model's folder, assembly (.s) or instructions (.mem).
 */
import fs from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { describeFault } from '../src/accelerator/functional.ts';
import { loadOwnProgram, loadPackage } from '../src/accelerator/package.ts';
import {
  bytesOfBeat,
  checkSizes,
  ddr4,
  defaultSizes,
  type MachineSizes,
} from '../src/accelerator/parameters.ts';
import { traceText } from '../src/accelerator/trace.ts';
import { InputError } from '../src/errors.ts';
import { buildBench, type RtlJob, type RtlResult, runBench } from './bench/bench.ts';
import { simulate } from './bench/simulated.ts';

const usage = `Usage: npx node rtl/run.ts PROGRAM [options]

  --dram FILE          DRAM image for your own program, padded with zeros to 4 MiB
  --cores N            ternary cores, for your own program (default: 1)
  --max-length N       elements of a vector register, likewise (default: 8192)
  --clock MHz          clock of the cores (default: 60)
  --channels N         DDR4-2400 channels (default: 4)
  --tokens 1,2,3       prompt (default: 0)
  --count N            tokens to generate (default: 1)
  --cycles N           maximum number of cycles (default: 1000000)
  --trace FILE         write the trace
  --waves FILE.vcd     write waveforms`;

const text = (value: string) => ({ type: 'string', default: value }) as const;

function parseOptions() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        ...{ dram: { type: 'string' }, trace: { type: 'string' }, waves: { type: 'string' } },
        ...{ cores: text('1'), 'max-length': text(String(defaultSizes.maxLength)) },
        ...{ clock: text('60'), channels: text('4') },
        ...{ tokens: text('0'), count: text('1'), cycles: text('1000000') },
        help: { type: 'boolean', default: false },
      },
    } as const);
  } catch (error) {
    throw new InputError(`${(error as Error).message.split('\n')[0]}\n${usage}`, { cause: error });
  }
}

type Values = ReturnType<typeof parseOptions>['values'];

/** An option as an integer. */
function integer(values: Values, name: keyof Values & string, min: number, max: number): number {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new InputError(`--${name}: found ${values[name]}, expected an integer from ${min} to ${max}`);
}

function tokensOf({ tokens }: Values): number[] {
  const ids = tokens.split(',').map(Number);
  if (ids.every((id) => Number.isInteger(id) && id >= 0 && id < 2 ** 32)) return ids;
  throw new InputError(`--tokens: found ${tokens}, expected token ids separated by commas`);
}

async function open(path: string, values: Values) {
  const found = await fs.stat(path).catch(() => undefined);
  if (found?.isDirectory()) return loadPackage(path);
  const [cores, maxLength] = [integer(values, 'cores', 1, 32), integer(values, 'max-length', 32, 8192)];
  return { sizes: { ...defaultSizes, cores, maxLength }, ...(await loadOwnProgram(path, values.dram)) };
}

/** The next power of two, so that one build of the bench serves many images. */
function memoryBeats({ length }: Uint8Array, sizes: MachineSizes): number {
  return 2 ** Math.ceil(Math.log2(Math.max(65536, length / bytesOfBeat(sizes))));
}

async function run(path: string, values: Values): Promise<void> {
  const tokens = tokensOf(values);
  const { sizes, program, memory } = await open(path, values);
  checkSizes(sizes);
  const rtlSizes = { ...sizes, memoryBeats: memoryBeats(memory, sizes) };
  const clockHz = integer(values, 'clock', 1, 1000) * 1e6;
  const timing = ddr4(clockHz, integer(values, 'channels', 1, 16), sizes.cores);
  const job: RtlJob = {
    ...{ program, memory, timing },
    ...{ tokens, generate: integer(values, 'count', 1, 1e6) },
    maxCycles: integer(values, 'cycles', 1, 1e12),
    ...(values.waves === undefined ? {} : { waves: resolve(values.waves) }),
  };
  process.stderr.write('building the bench, where it is not built yet\n');
  const binary = buildBench(rtlSizes, { waves: values.waves !== undefined });
  let result: RtlResult | undefined;
  await runBench(binary, [job], (each) => {
    result = each;
  });
  const { events, cycles } = result!;
  const trace = traceText(events);
  if (values.trace !== undefined) await fs.writeFile(values.trace, trace);
  const outputs = events.flatMap((event) => (event.kind === 'O' ? [event.token] : []));
  const halt = events.find((event) => event.kind === 'H');
  const end = halt ? describeFault(halt.code as 0, halt.pc) : 'still running';
  const same = trace === simulate(rtlSizes, job).trace;
  process.stdout.write(`${end} after ${cycles} cycles; out: ${outputs.join(',')}\n`);
  process.stdout.write(same ? 'the simulator agrees in every event\n' : 'THE SIMULATOR DISAGREES\n');
  if (!same || halt?.code !== 0) process.exitCode = 1;
}

try {
  const { values, positionals } = parseOptions();
  if (values.help) process.stdout.write(`${usage}\n`);
  else if (positionals.length === 1) await run(positionals[0]!, values);
  else throw new InputError(`found ${positionals.length} programs, expected one\n${usage}`);
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
