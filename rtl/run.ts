/**
 * Runs a program on the Verilated RTL, and on the simulator beside it: `node rtl/run.ts program.s --waves run.vcd`.
 * Takes what `plusminus accelerator simulate` takes: a compiled model's folder, assembly (.s) or instructions (.mem).
 */
import fs from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { assemble } from '../src/accelerator/assembler.ts';
import { describeFault } from '../src/accelerator/functional.ts';
import { loadPackage, readMemory, readText } from '../src/accelerator/package.ts';
import { beatBytes, ddr4, defaultSizes } from '../src/accelerator/parameters.ts';
import { parseRom } from '../src/accelerator/romFile.ts';
import { traceText } from '../src/accelerator/trace.ts';
import { InputError } from '../src/errors.ts';
import { buildBench, type RtlJob, type RtlResult, runBench } from './bench/bench.ts';
import { simulate } from './bench/simulated.ts';

const usage = `node rtl/run.ts PROGRAM [--dram FILE] [--cores 1] [--tokens 0] [--count 1] [--cycles 1000000]
                    [--trace FILE] [--waves FILE.vcd]`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ...{ dram: { type: 'string' }, cores: { type: 'string', default: '1' } },
    ...{ tokens: { type: 'string', default: '0' }, count: { type: 'string', default: '1' } },
    ...{
      cycles: { type: 'string', default: '1000000' },
      trace: { type: 'string' },
      waves: { type: 'string' },
    },
  },
} as const);

async function open(path: string) {
  const found = await fs.stat(path).catch(() => undefined);
  if (found?.isDirectory()) return loadPackage(path);
  const text = await readText(path);
  const program = path.endsWith('.mem') ? parseRom(text, path) : assemble(text, path);
  const memory = values.dram === undefined ? new Uint8Array(0) : await readMemory(values.dram);
  return { sizes: { ...defaultSizes, cores: Number(values.cores) }, program, memory };
}

/** So that a bench serves many images. */
function memoryBeats({ length }: Uint8Array): number {
  return Math.max(65536, 2 ** Math.ceil(Math.log2(length / beatBytes || 1)));
}

async function run(path: string): Promise<void> {
  const { sizes, program, memory } = await open(path);
  const rtlSizes = { ...sizes, memoryBeats: memoryBeats(memory) };
  const job: RtlJob = {
    ...{ program, memory, timing: ddr4(60e6, 4, sizes.cores), maxCycles: Number(values.cycles) },
    ...{ tokens: values.tokens.split(',').map(Number), generate: Number(values.count) },
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
  const tokens = events.flatMap((event) => (event.kind === 'O' ? [event.token] : []));
  const halt = events.find((event) => event.kind === 'H');
  const end = halt ? describeFault(halt.code as 0, halt.pc) : 'still running';
  const same = trace === simulate(rtlSizes, job).trace;
  process.stdout.write(`${end} after ${cycles} cycles; out: ${tokens.join(',')}\n`);
  process.stdout.write(same ? 'the simulator agrees in every event\n' : 'THE SIMULATOR DISAGREES\n');
  if (!same || halt?.code !== 0) process.exitCode = 1;
}

try {
  if (positionals.length !== 1) throw new InputError(usage);
  await run(positionals[0]!);
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
