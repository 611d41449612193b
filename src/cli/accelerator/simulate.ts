/** `plusminus accelerator simulate`: run a program, cycle by cycle or for its results only. */
import fs from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import { Cluster, type Span } from '../../accelerator/cluster.ts';
import { describeFault, runProgram } from '../../accelerator/functional.ts';
import { GreedyHost } from '../../accelerator/host.ts';
import { Machine } from '../../accelerator/machine.ts';
import { loadOwnProgram, loadPackage, type Package } from '../../accelerator/package.ts';
import { ternaryUse } from '../../accelerator/statistics.ts';
import { type TraceEvent, traceText } from '../../accelerator/trace.ts';
import { InputError } from '../../errors.ts';
import { formatTable } from '../../format.ts';
import { interruptible } from '../openModel.ts';
import { integer, tokenList } from '../options.ts';
import { write, writeJson } from '../output.ts';
import { checkOutputFiles } from '../outputFile.ts';
import { startProgress } from '../progress.ts';
import {
  addSizeOptions,
  addTimingOptions,
  type SizeFlags,
  sizesOf,
  type TimingFlags,
  timingOf,
} from './machineOptions.ts';

interface Flags extends SizeFlags, TimingFlags {
  readonly dram?: string;
  readonly tokens: readonly number[];
  readonly count: number;
  readonly functional?: boolean;
  readonly cycles: number;
  readonly trace?: string;
  readonly timeline?: string;
  readonly window?: { readonly from: number; readonly to: number };
  readonly dumpDram?: string;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

const examples = `
Examples:
  $ plusminus accelerator simulate runs/chip --tokens 1,2,3 --count 16
  $ plusminus accelerator simulate runs/chip --timeline timeline.svg --window 30000-60000
  $ plusminus accelerator simulate program.s --dram dram.bin --trace trace.txt

The host offers the tokens of --tokens, then feeds each output back until --count tokens are generated.
--trace lists issue (I), completion with a checksum (R), output (O) and halt (H); docs/accelerator.md has the format.`;

export function simulateCommand(): Command {
  const command = new Command('simulate')
    .description('Run a compiled model or your own program on the simulated accelerator.')
    .argument('<program>', 'folder of a compiled model, assembly (.s) or instructions (.mem)')
    .option('--dram <file>', 'DRAM image for your own program, padded with zeros to 4 MiB')
    .option('--tokens <ids>', 'prompt, as token ids separated by commas', tokenList, [0])
    .option('--count <n>', 'tokens to generate', integer(1), 1)
    .option('--functional', 'compute results without cycles (faster)')
    .option('--cycles <n>', 'maximum number of cycles', integer(1), 10_000_000_000)
    .option('--trace <file>', 'write the trace')
    .option('--timeline <file>', 'draw the busy periods of each unit as SVG')
    .option('--window <from-to>', 'cycles that the timeline shows (default: all)', cycleWindow)
    .option('--dump-dram <file>', 'write the final content of DRAM');
  return addTimingOptions(addSizeOptions(command))
    .option('-q, --quiet', 'no progress')
    .option('--json', 'print JSON for machines')
    .addHelpText('after', examples)
    .action((program: string, flags: Flags) => interruptible((signal) => run(program, flags, signal)));
}

function cycleWindow(text: string): { from: number; to: number } {
  const [, from, to] = /^(\d{1,15})-(\d{1,15})$/.exec(text)?.map(Number) ?? [];
  if (from !== undefined && from < to!) return { from, to: to! };
  throw new InvalidArgumentError('Expected two cycles such as 30000-60000, the first below the second.');
}

async function run(path: string, flags: Flags, signal: AbortSignal): Promise<void> {
  const { trace, timeline, dumpDram } = flags;
  await checkOutputFiles({ '--trace': trace, '--timeline': timeline, '--dump-dram': dumpDram });
  const found = await open(path, flags);
  const { vocabulary } = found;
  const outside = flags.tokens.find((token) => token >= vocabulary);
  if (outside !== undefined) {
    throw new InputError(`--tokens: found ${outside}, expected 0 to ${vocabulary - 1} (the vocabulary)`);
  }
  const host = new GreedyHost(flags.tokens, flags.count);
  if (flags.functional) await functional(found, host, flags);
  else await timed(found, host, flags, signal);
}

async function open(path: string, flags: Flags): Promise<Package> {
  const isFolder = await fs.stat(path).then(
    (stat) => stat.isDirectory(),
    () => false,
  );
  if (isFolder) return loadPackage(path);
  return { sizes: sizesOf(flags), ...(await loadOwnProgram(path, flags.dram)), vocabulary: 2 ** 32 };
}

async function functional(
  { sizes, program, memory }: Package,
  host: GreedyHost,
  flags: Flags,
): Promise<void> {
  if (flags.trace !== undefined || flags.timeline !== undefined) {
    throw new InputError('--trace and --timeline need cycles: remove --functional');
  }
  const machine = new Machine(sizes, memory);
  const halt = runProgram(machine, program, host)!;
  await dump(machine.memory, flags);
  const { code, pc, instructions } = halt;
  if (flags.json) await writeJson({ halt, tokens: host.generated });
  else await write(`${describeFault(code, pc)} after ${instructions} instructions\n${tokensLine(host)}`);
  if (code !== 0) process.exitCode = 1;
}

async function timed(found: Package, host: GreedyHost, flags: Flags, signal: AbortSignal): Promise<void> {
  const { sizes, program, memory } = found;
  // Loaded first: a missing package should not cost a simulation.
  const figure = flags.timeline === undefined ? undefined : await import('../../accelerator/timeline.ts');
  const events: TraceEvent[] = [];
  const spans: Span[] = [];
  const cluster = new Cluster({
    ...{ sizes, program, memory, host, timing: timingOf(flags, sizes.cores) },
    ...(flags.trace === undefined ? {} : { onEvent: (event) => events.push(event) }),
    ...(flags.timeline === undefined ? {} : { onSpan: (span) => spans.push(span) }),
  });
  await runAll(cluster, host, flags, signal);
  if (flags.trace !== undefined) await fs.writeFile(flags.trace, traceText(events));
  if (figure) {
    const { from = 0, to = cluster.cycle } = flags.window ?? {};
    if (from >= cluster.cycle) {
      throw new InputError(
        `--window: found ${from} as its start, but the run ended at cycle ${cluster.cycle}`,
      );
    }
    await fs.writeFile(
      flags.timeline!,
      figure.timelineFigure(spans, { from, to: Math.min(to, cluster.cycle) }),
    );
  }
  await dump(memory, flags);
  const { statistics, halted } = cluster;
  if (flags.json) await writeJson({ halt: halted ?? null, tokens: host.generated, statistics });
  else await write(`${report(cluster, host, flags).join('\n')}\n`);
  if (halted?.code !== 0) process.exitCode = 1;
}

/** Cycles between two checks of the signal. */
const slice = 200_000;

async function runAll(cluster: Cluster, host: GreedyHost, flags: Flags, signal: AbortSignal): Promise<void> {
  const silent = flags.quiet || flags.json;
  const progress = silent ? undefined : startProgress({ label: 'simulating', total: flags.count });
  try {
    while (!cluster.halted && cluster.cycle < flags.cycles) {
      signal.throwIfAborted();
      cluster.run(Math.min(slice, flags.cycles - cluster.cycle));
      progress?.update(host.generated.length, `cycle ${cluster.cycle}`);
      await setImmediate();
    }
  } finally {
    progress?.stop();
  }
}

async function dump(memory: Uint8Array, { dumpDram }: Flags): Promise<void> {
  if (dumpDram !== undefined) await fs.writeFile(dumpDram, memory);
}

function tokensLine(host: GreedyHost): string {
  return `tokens: ${host.generated.join(',')}\n`;
}

function report(cluster: Cluster, host: GreedyHost, { clock }: Flags): string[] {
  const { statistics, halted, cycle } = cluster;
  const { instructions, stalls, cores, weightBeats, loadBeats, storeBeats } = statistics;
  const percent = (part: number) => `${((100 * part) / cycle).toFixed(1)} %`;
  const sum = (kind: 'busy' | 'starved' | 'blocked' | 'idle') =>
    cores.reduce((total, core) => total + core[kind], 0) / cores.length;
  const byCycles = Object.entries(stalls).filter(([, cycles]) => cycles > 0);
  return [
    halted
      ? `${describeFault(halted.code, halted.pc)} at cycle ${halted.cycle}`
      : `stopped at cycle ${cycle}`,
    tokensLine(host).trim(),
    '',
    ...formatTable(
      ['time', ''],
      [
        ['cycles', String(cycle)],
        [`milliseconds at ${clock} MHz`, (cycle / (clock * 1000)).toFixed(3)],
        ['instructions', String(instructions)],
        ['beats of weights, loads, stores', `${weightBeats} ${loadBeats} ${storeBeats}`],
        ["ternary cores fed, of their ports' peak", `${(100 * ternaryUse(statistics)).toFixed(1)} %`],
      ],
    ),
    '',
    ...formatTable(
      ['a ternary core', 'cycles', ''],
      (['busy', 'starved', 'blocked', 'idle'] as const).map((kind) => [
        ...[kind, String(Math.round(sum(kind))), percent(sum(kind))],
      ]),
    ),
    '',
    ...formatTable(
      ['no instruction issued because of', 'cycles', ''],
      byCycles.map(([cause, cycles]) => [cause, String(cycles), percent(cycles)]),
    ),
  ];
}
