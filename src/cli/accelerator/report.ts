/** `plusminus accelerator report`: the accelerator at the paper's sizes, beside published figures. */
import fs from 'node:fs/promises';
import { Command } from 'commander';
import { makeReport } from '../../accelerator/report.ts';
import { readRtlReport } from '../../accelerator/resources.ts';
import { InputError } from '../../errors.ts';
import { interruptible } from '../openModel.ts';
import { integer } from '../options.ts';
import { write, writeJson } from '../output.ts';
import { checkOutputFiles } from '../outputFile.ts';
import { startProgress } from '../progress.ts';
import { plain, sectionsOf } from './reportSections.ts';

interface Flags {
  readonly clock?: readonly number[];
  readonly cores?: readonly number[];
  readonly channels: number;
  readonly out?: string;
  readonly synthesis?: string;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

const examples = `
Examples:
  $ plusminus accelerator report
  $ plusminus accelerator report --clock 60,200 --channels 1 --out report.md

Times are simulated cycle by cycle now, which takes some minutes. Resources and the clock are those of the RTL after
synthesis: of results/rtl.json in a clone of the repository, where \`npx node rtl/synthesise.ts\` writes that file. The package
holds neither; copy the file from a clone and name it with --synthesis.`;

/** The sizes of the paper. */
const paperClock = 60;
const synthesisOfClone = new URL('../../../results/rtl.json', import.meta.url);

export function reportCommand(): Command {
  return new Command('report')
    .description(
      'Cycles, bandwidth, tokens per second and energy for 1 to 26 cores, beside published figures.',
    )
    .option('--clock <MHz>', "clocks of the cores, separated by commas (default: the paper's, 60)", clocks)
    .option('--cores <list>', 'numbers of cores, separated by commas (default: 1,2,4,8,16,26)', cores)
    .option('--channels <n>', 'DDR4-2400 channels', integer(1, 16), 4)
    .option('-o, --out <file.md>', 'also write it as Markdown, and its figures as SVG and JSON beside it')
    .option('--synthesis <file.json>', 'resources to show (default: results/rtl.json in a clone)')
    .option('-q, --quiet', 'no progress')
    .option('--json', 'print JSON for machines')
    .addHelpText('after', examples)
    .action((flags: Flags) => interruptible((signal) => run(flags, signal)));
}

function cores(text: string): number[] {
  const values = text.split(',').map(Number);
  if (values.every((value) => Number.isInteger(value) && value >= 1 && value <= 64)) return values;
  throw new InputError(`--cores: found ${text}, expected integers from 1 to 64 separated by commas`);
}

function clocks(text: string): number[] {
  const values = text.split(',').map(Number);
  if (values.every((value) => value >= 1 && value <= 1000)) return values;
  throw new InputError(`--clock: found ${text}, expected numbers from 1 to 1000 separated by commas`);
}

async function run(flags: Flags, signal: AbortSignal): Promise<void> {
  const rtl = await readRtlReport(flags.synthesis ?? synthesisOfClone);
  if (flags.synthesis !== undefined && !rtl) {
    throw new InputError(
      `--synthesis: found no file ${flags.synthesis}, expected results/rtl.json of a clone, or one that rtl/synthesise.ts wrote`,
    );
  }
  const base = flags.out?.replace(/\.md$/, '');
  await checkOutputFiles({ '--out': base && `${base}.md` });
  // Loaded first: a missing package should not cost a simulation.
  const files = base === undefined ? undefined : await import('./reportFiles.ts');
  const clocksMHz = flags.clock ?? [paperClock];
  let progress: ReturnType<typeof startProgress> | undefined;
  const onProgress = (done: number, total: number) => {
    if (flags.quiet || flags.json) return;
    progress ??= startProgress({ label: 'simulating', total });
    progress.update(done);
  };
  const made = await makeReport({
    ...{ clocksMHz, channels: flags.channels, cores: flags.cores },
    ...{ onProgress, signal },
  }).finally(() => progress?.stop());
  if (files) {
    await fs.writeFile(`${base}.json`, `${JSON.stringify(made, undefined, 2)}\n`);
    for (const [name, text] of Object.entries(files.reportFiles(base!, made, rtl)))
      await fs.writeFile(name, text);
  }
  if (flags.json) await writeJson({ ...made, ...(rtl ? { synthesis: rtl } : {}) });
  else await write(plain(sectionsOf(made, rtl)));
}
