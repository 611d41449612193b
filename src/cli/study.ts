/** `plusminus study`: the paper's experiments, one command each. */
import { Command, Option } from 'commander';
import type { EngineChoice } from '../engine/engines.ts';
import { InputError } from '../errors.ts';
import { formatDuration, formatTable } from '../format.ts';
import type { Group } from '../mpi/group.ts';
import { allFamilies, type Family, paperSizes } from '../study/families.ts';
import { planStudy, runStudy } from '../study/runStudy.ts';
import { findStudy, studies } from '../study/studies.ts';
import type { PlannedRun, Study, StudyOptions } from '../study/study.ts';
import { mobyDick } from './mobyDick.ts';
import { interruptible } from './openModel.ts';
import { engineOption, integer, number } from './options.ts';
import { writeJson } from './output.ts';
import { placeOf, withGroup } from './ranks.ts';

const examples = `
Examples:
  $ plusminus study operations
  $ plusminus study inference --engine webgpu
  $ plusminus study scaling --engine webgpu --data corpus/
  $ plusminus study scaling --quick
  $ plusminus study scaling --data corpus/ --families matmul-free rwkv transformer

Studies:
${Object.entries(studies)
  .map(([name, { about }]) => `  ${name.padEnd(20)} ${about}`)
  .join('\n')}

--dry-run prints the runs with their estimated time on one H100 and exits. --minutes limits the time on a rented machine:
no run starts that would end later.

Tables and figures go to results/study/<name>/, runs to runs/study/<name>/. Run the same command again to resume
a stopped study. --quick runs small sizes in minutes, in folders of its own; studies that train then read Moby-Dick
unless --data names other texts.
Several processes share the training runs of a study (docs/mpi.md): mpirun -n 4 plusminus study scaling --data corpus/`;

interface Flags {
  readonly engine: EngineChoice;
  readonly threads?: number;
  readonly quick?: boolean;
  readonly minutes?: number;
  readonly dryRun?: boolean;
  readonly seed: number;
  readonly data?: readonly string[];
  readonly families?: readonly string[];
  readonly sizes?: readonly string[];
  readonly out: string;
  readonly runs: string;
  readonly atOnce: number;
  readonly json?: boolean;
}

export function studyCommand(): Command {
  return new Command('study')
    .description('Repeat an experiment of the paper: tables and figures under results/.')
    .argument('<study>', Object.keys(studies).join(', '))
    .addOption(engineOption().default('auto'))
    .option(
      '--threads <n>',
      'worker threads of the CPU (default: all cores; of 8 and more, all but one)',
      integer(0, 256),
    )
    .option('--quick', 'small sizes, in minutes')
    .option(
      '--minutes <n>',
      'time limit in minutes; runs that would exceed it are not started',
      number('a number above 0', (n) => n > 0),
    )
    .option('--dry-run', 'print the runs and their estimated times only')
    .option('--seed <n>', 'seed of the initial weights and the order of data', integer(0), 1)
    .option('--data <paths...>', 'texts to train on')
    .addOption(
      new Option('--families <names...>', 'families of models to compare').choices(
        allFamilies.map(({ name }) => name),
      ),
    )
    .addOption(
      new Option('--sizes <names...>', 'sizes to measure, in inference and training-efficiency').choices(
        paperSizes,
      ),
    )
    .option('--out <folder>', 'folder of the reports', 'results/study')
    .option('--runs <folder>', 'folder of the runs', 'runs/study')
    .option(
      '--at-once <n>',
      'runs at the same time, for GPUs that a small model leaves idle',
      integer(1, 64),
      1,
    )
    .option('--json', 'print the path of the report as JSON, without progress')
    .addHelpText('after', examples)
    .action(study);
}

async function study(name: string, flags: Flags): Promise<void> {
  const chosen = await findStudy(name);
  await withGroup((group) => studyWith(group, chosen, flags), { interruptedEndsAll: true });
}

async function studyWith(group: Group, chosen: Study, flags: Flags): Promise<void> {
  const { name } = chosen;
  const { engine, quick = false, seed, minutes, out, runs, json } = flags;
  // Only rank 0 measures time, or does work that takes none.
  const spreads = chosen.spreads === true && !flags.dryRun;
  if (group.rank > 0 && !spreads) return;
  const threads = spreads ? ((await placeOf(group, flags)).threads ?? flags.threads) : flags.threads;
  const data = await dataOf(chosen, flags);
  const families = familiesOf(chosen, flags);
  const sizes = sizesOf(chosen, flags);
  const options: StudyOptions = { engine, threads, quick, seed, minutes, data, families, sizes };
  const prefix = group.size > 1 && spreads ? `rank ${group.rank}: ` : '';
  const say = (text: string) => json || console.error(`${prefix}${text}`);
  if (flags.dryRun) {
    await interruptible(async (signal) =>
      printPlan(await planStudy(chosen, { options, runs, signal, say }), flags),
    );
    return;
  }
  const work = async (signal: AbortSignal) => {
    try {
      const run = { options, command: commandOf(name, flags), runs, out, signal, say };
      // They share the runs as processes would; the first one writes the report.
      const others = Array.from({ length: chosen.spreads && group.size === 1 ? flags.atOnce - 1 : 0 }, () =>
        runStudy(chosen, { ...run, publishes: false }),
      );
      const [report] = await Promise.all([
        runStudy(chosen, { ...run, ...(spreads ? { group } : {}) }),
        ...others,
      ]);
      if (group.rank > 0) return;
      if (json) await writeJson({ study: name, report });
      else console.log(report);
    } catch (error) {
      if (signal.aborted && !json) console.error('Interrupted. Run the same command to resume.');
      throw error;
    }
  };
  await interruptible(work, { savesWork: true });
}

async function printPlan(plan: readonly PlannedRun[], { json }: Flags): Promise<void> {
  if (json) return writeJson(plan);
  const total = plan.reduce((sum, { seconds }) => sum + seconds, 0);
  const rows = plan.map(({ name, what, seconds }) => [name, what, formatDuration(seconds)]);
  const lines = formatTable(
    ['run', 'what', 'on one H100'],
    [...rows, ['together', '', formatDuration(total)]],
  );
  for (const line of lines) console.log(line);
}

async function dataOf({ trains, name }: Study, { data, quick }: Flags): Promise<StudyOptions['data']> {
  if (!trains || data) return data;
  if (!quick) throw new InputError(`--data: found none, but ${name} trains; name texts, or add --quick`);
  const chapters = await mobyDick('name texts of your own with --data');
  return async function* () {
    yield* chapters;
  };
}

function familiesOf({ name, families }: Study, flags: Flags): readonly Family[] | undefined {
  if (!flags.families) return undefined;
  if (!families)
    throw new InputError(
      `--families: found ${flags.families.join(', ')}, but the families of ${name} are fixed`,
    );
  return allFamilies.filter((family) => flags.families!.includes(family.name));
}

function sizesOf({ name, hasSizes }: Study, { sizes, quick }: Flags): readonly string[] | undefined {
  if (sizes && (!hasSizes || quick))
    throw new InputError(
      `--sizes: found ${sizes.join(', ')}, but the sizes of ${name}${quick ? ' with --quick' : ''} are fixed`,
    );
  return sizes;
}

/** The command that repeats this, for the report; without output folders. */
function commandOf(name: string, { engine, threads, quick, seed, data, families, sizes }: Flags): string {
  const parts = [
    ...(engine === 'auto' ? [] : ['--engine', engine]),
    ...(threads === undefined ? [] : ['--threads', threads]),
    ...(quick ? ['--quick'] : []),
    ...(seed === 1 ? [] : ['--seed', seed]),
    ...(data ? ['--data', ...data] : []),
    ...(families ? ['--families', ...families] : []),
    ...(sizes ? ['--sizes', ...sizes] : []),
  ];
  return ['npx plusminus study', name, ...parts].join(' ');
}
