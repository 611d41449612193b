/** `plusminus accelerator report`: the accelerator at the sizes of the paper, beside what others report. */
import fs from 'node:fs/promises';
import { Command } from 'commander';
import {
  type BlockRow,
  type ModelRow,
  makeReport,
  picojoules,
  type Report,
} from '../../accelerator/report.ts';
import { InputError } from '../../errors.ts';
import { formatTable } from '../../format.ts';
import { interruptible } from '../openModel.ts';
import { integer } from '../options.ts';
import { write, writeJson } from '../output.ts';
import { startProgress } from '../progress.ts';

interface Flags {
  readonly clock: readonly number[];
  readonly channels: number;
  readonly out?: string;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

const examples = `
Examples:
  $ plusminus accelerator report
  $ plusminus accelerator report --clock 60,200 --channels 1 --out report.md

Every figure is simulated cycle by cycle now; a run takes a minute or two.`;

export function reportCommand(): Command {
  return new Command('report')
    .description(
      'Cycles, bandwidth, tokens per second and energy for 1 to 26 cores, beside published figures.',
    )
    .option('--clock <MHz>', 'clocks of the cores, separated by commas', clocks, [60])
    .option('--channels <n>', 'DDR4-2400 channels', integer(1, 16), 4)
    .option('-o, --out <file>', 'also write it as Markdown')
    .option('-q, --quiet', 'no progress')
    .option('--json', 'print JSON for machines')
    .addHelpText('after', examples)
    .action((flags: Flags) => interruptible((signal) => run(flags, signal)));
}

function clocks(text: string): number[] {
  const values = text.split(',').map(Number);
  if (values.every((value) => value >= 1 && value <= 1000)) return values;
  throw new InputError(`--clock: found ${text}, expected numbers from 1 to 1000 separated by commas`);
}

async function run(flags: Flags, signal: AbortSignal): Promise<void> {
  let progress: ReturnType<typeof startProgress> | undefined;
  const onProgress = (done: number, total: number) => {
    if (flags.quiet || flags.json) return;
    progress ??= startProgress({ label: 'simulating', total });
    progress.update(done);
  };
  const made = await makeReport({
    ...{ clocksMHz: flags.clock, channels: flags.channels, onProgress, signal },
  }).finally(() => progress?.stop());
  const sections = sectionsOf(made);
  if (flags.out !== undefined) await fs.writeFile(flags.out, markdown(sections));
  if (flags.json) await writeJson(made);
  else await write(plain(sections));
}

interface Section {
  readonly title: string;
  readonly head?: readonly string[];
  readonly rows?: readonly (readonly string[])[];
  readonly notes: readonly string[];
}

const blockHead = ['clock, width', 'cores', 'cycles', 'ms', 'ports fed', 'GB/s', 'of DDR4'];

function sectionsOf({ blocks, saturation, models, channels }: Report): Section[] {
  return [
    {
      title: 'One block',
      head: blockHead,
      rows: blocks.map(blockCells),
      notes: [
        `Memory: ${channels} channels of DDR4-2400, 19.2 GB/s each, of which row misses leave 92 % and refresh 95.5 %.`,
        '"Ports fed": beats of weights used, of the peak of the cores\' 512-bit ports. "Of DDR4": all traffic, of what',
        'the channels sustain. Blocks are cut in 16 rows a core at a time, so many cores share narrow layers unevenly.',
      ],
    },
    {
      title: 'Where DDR4 saturates: one channel',
      head: blockHead,
      rows: saturation.map(blockCells),
      notes: ['A channel sustains 16.9 GB/s, which at 60 MHz is what 4.4 ports of 512 bits can take.'],
    },
    {
      title: 'Whole models',
      head: ['clock, model', 'cores', 'tokens/s', 'mJ arithmetic', 'mJ DRAM'],
      rows: models.map(modelCells),
      notes: [
        'One sequence, a token after the other, embedding and head included. Energy is an estimate of the switching',
        `part alone, a token: ${picojoules.addition} pJ an addition, ${picojoules.multiplication} pJ a 32-bit multiplication (Horowitz, ISSCC 2014, 45 nm; an FPGA`,
        `spends about ten times as much), ${picojoules.dramBit} pJ a bit from DDR4. Clocks, leakage and registers come on top.`,
      ],
    },
    published(blocks, models),
  ];
}

function blockCells({
  clockMHz,
  width,
  cores,
  cycles,
  milliseconds,
  portUse,
  bandwidth,
  bandwidthUse,
}: BlockRow) {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  return [
    ...[`${clockMHz} MHz, d = ${width}`, String(cores), String(Math.round(cycles)), milliseconds.toFixed(4)],
    ...[percent(portUse), bandwidth.toFixed(2), percent(bandwidthUse)],
  ];
}

function modelCells({ clockMHz, model, cores, tokensPerSecond, arithmeticJoules, memoryJoules }: ModelRow) {
  return [
    ...[`${clockMHz} MHz, ${model}`, String(cores), tokensPerSecond.toFixed(1)],
    ...[(1000 * arithmeticJoules).toFixed(3), (1000 * memoryJoules).toFixed(1)],
  ];
}

function published(blocks: readonly BlockRow[], models: readonly ModelRow[]): Section {
  const block = blocks.find(({ width, cores }) => width === 512 && cores === 1)!;
  const ours = models.find(({ model, cores }) => model === '1.3B' && cores === 1)!;
  return {
    title: 'Beside published figures',
    head: ['', 'theirs', 'here, one core'],
    rows: [
      [
        'the paper: a block, d = 512, 60 MHz, 8 bits at a time',
        '43 ms, 13.67 W',
        `${block.milliseconds.toFixed(3)} ms at ${block.clockMHz} MHz`,
      ],
      [
        'the paper: 1.3B, estimated',
        '23.8 tokens/s, 13 W',
        `${ours.tokensPerSecond.toFixed(1)} tokens/s at ${ours.clockMHz} MHz`,
      ],
      ['TerEffic: 370M wholly on chip', '12,700 tokens/s, 27 W', 'weights in DRAM'],
      ['TerEffic: 2.7B, HBM', '521 tokens/s, 33 W', ''],
      ['TeLLMe: KV260', '25 tokens/s, 5 W', ''],
    ],
    notes: [
      "The paper's figures contradict one another: 43 ms at 60 MHz are 2.58 million cycles for 3.15 million weights;",
      'a 512-bit bus at 60 MHz moves 3.84 GB/s, and 1.3B takes 325 MB a token, so that bus ends at 11.8 tokens/s.',
      'Their rows for several cores are estimates; here every row is simulated.',
    ],
  };
}

function plain(sections: readonly Section[]): string {
  const parts = sections.map(({ title, head, rows, notes }) => [
    ...[title, ''],
    ...(head && rows ? [...formatTable(head, rows), ''] : []),
    ...notes,
  ]);
  return `${parts.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function markdown(sections: readonly Section[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const parts = sections.map(({ title, head, rows, notes }) => [
    ...[`## ${title}`, ''],
    ...(head && rows ? [line(head), line(head.map(() => '---')), ...rows.map(line), ''] : []),
    ...notes,
  ]);
  return `# The accelerator, simulated\n\nWritten by \`plusminus accelerator report\`.\n\n${parts.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}
