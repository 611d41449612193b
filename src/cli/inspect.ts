/** `plusminus inspect`: describes a model, its memory and operations, and checks an engine's results on it. */
import { Command, Option } from 'commander';
import { storiesModel } from '../checkpoint/bundledModels.ts';
import { engineNames } from '../engine/engines.ts';
import { InputError } from '../errors.ts';
import { architectureNames, configNames, isConfigName } from '../model/config.ts';
import { chosenModel } from './findModel.ts';
import { type AgainstFlags, compareWithEngine } from './inspect/against.ts';
import { describe, formatReport } from './inspect/describe.ts';
import { dumpKernels } from './inspect/dump.ts';
import { type FindOptions, findModel } from './inspect/found.ts';
import { type ProfileFlags, printProfile } from './inspect/profile.ts';
import { interruptible } from './openModel.ts';
import { engineOption, integer, tokenList } from './options.ts';
import { write, writeJson } from './output.ts';

const examples = `
Examples:
  $ plusminus inspect runs/demo
  $ plusminus inspect 370M
  $ plusminus inspect 370M --architecture llama
  $ plusminus inspect ridger/MMfreeLM-1.3B --json
  $ plusminus inspect runs/demo --against reference --engine webgpu
  $ plusminus inspect runs/demo --profile --tokens 1,2,3,4
  $ plusminus inspect 370M --dump kernels

--against finds a wrong kernel: docs/debugging.md. It exits with 1 if an op differs.`;

interface Flags extends FindOptions, Omit<AgainstFlags, 'against'>, ProfileFlags {
  readonly against?: AgainstFlags['against'];
  readonly profile?: boolean;
  readonly dump?: string;
}

export function inspectCommand(): Command {
  return new Command('inspect')
    .description('Show the size of a model, its memory, and the operations that one token takes.')
    .argument('[model]', `model folder, Hub name, or ${configNames.join(', ')} (default: plusminus/stories)`)
    .addOption(
      new Option('--architecture <name>', 'architecture for a named size (default: matmul-free)').choices(
        architectureNames,
      ),
    )
    .addOption(
      new Option(
        '--against <engine>',
        'run --engine and this engine side by side; name the first op that differs',
      )
        .choices(engineNames)
        .conflicts(['profile', 'dump']),
    )
    .addOption(new Option('--profile', 'run the model and print the time of each kernel').conflicts('dump'))
    .option('--dump <folder>', 'write all WGSL shaders and lists of CPU kernels to a folder, without running')
    .addOption(engineOption())
    .option(
      '--threads <n>',
      'worker threads of the CPU (default: all cores; of 8 and more, all but one)',
      integer(0, 256),
    )
    .option('--tokens <ids>', 'tokens that --against and --profile read (default: 1,2,3)', tokenList)
    .option('-q, --quiet', 'no progress')
    .option('--json', 'print JSON for machines')
    .addHelpText('after', examples)
    .action((model: string | undefined, flags: Flags) => inspect(model, flags));
}

async function inspect(model: string | undefined, flags: Flags): Promise<void> {
  refuseUnused(flags);
  await interruptible(async (signal) => {
    const name = await chosenModel(model, storiesModel);
    const { against, profile, dump } = flags;
    if (isConfigName(name) && (against || profile)) {
      const flag = against ? '--against' : '--profile';
      throw new InputError(
        `${flag}: found ${name}, which has no weights; expected a model folder or Hub name ` +
          `(plusminus convert --random ${name} FOLDER makes one)`,
      );
    }
    const found = await findModel(name, flags, signal);
    if (against) return compareWithEngine(name, { ...flags, against }, signal);
    if (profile) return printProfile(name, flags, signal);
    if (dump !== undefined) return dumpKernels(found, dump, flags);
    const report = describe(name, found);
    if (flags.json) await writeJson(report);
    else await write(`${formatReport(report).join('\n')}\n`);
  });
}

/** Options that only a run of the model uses. */
function refuseUnused(flags: Flags): void {
  if (flags.against || flags.profile) return;
  for (const name of ['engine', 'threads', 'tokens'] as const) {
    if (flags[name] !== undefined) throw new InputError(`--${name}: expected --against or --profile with it`);
  }
}
