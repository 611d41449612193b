/** `plusminus train`: trains a model on texts, in one command. */
import { Command, Option } from 'commander';
import type { EngineChoice } from '../engine/engines.ts';
import { InputError } from '../errors.ts';
import { type ArchitectureName, architectureNames, configNames } from '../model/config.ts';
import { alone, type Group } from '../mpi/group.ts';
import { beginRun } from '../train/begin.ts';
import { type MachineFlags, withMachine } from '../train/machine.ts';
import { type Machine, Run } from '../train/run.ts';
import { readRunFile } from '../train/runFile.ts';
import { scheduleNames } from '../train/schedule.ts';
import {
  defaultSettings,
  parseSettings,
  type TrainingChoices,
  type TrainingSettings,
} from '../train/settings.ts';
import { dataProgress } from './dataProgress.ts';
import { catchInterrupt, type Interrupt } from './interrupt.ts';
import { byteProgress } from './openModel.ts';
import { engineOption, integer, number } from './options.ts';
import { launches, withGroup } from './ranks.ts';
import { describeRun, runTraining, summarise } from './runTraining.ts';

const example = `
Examples:
  $ plusminus train --data book.txt --out runs/book --model tiny --steps 500
  $ plusminus train --data book.txt --out runs/llama --model tiny --architecture llama
  $ plusminus train --resume --out runs/book
  $ plusminus train --resume --out runs/book --steps 1000
  $ plusminus generate --model runs/book "Once"
  $ plusminus train --chat talks.jsonl --from runs/book --out runs/chat --learning-rate 0.002
  $ plusminus train --chat talks.jsonl --from plusminus/chat --out runs/chat --learning-rate 0.001

--data takes .txt and .jsonl files, also .zst and .gz, folders of them, or a folder of token shards.
--chat takes lines {"messages": [{"role": "user", "content": "…"}, {"role": "assistant", …}, …]}; the tokenizer of
--from must have a chat template. What the user says is read, not learned.
A Llama or BitNet has a learning rate of 0.001 and the cosine schedule, unless you say otherwise.
Ctrl-C, SIGTERM, a closed terminal or a closed output saves the run; --resume continues to the same bits.
Several processes, on one machine or many, share the passes of each update (docs/mpi.md):
  $ plusminus train --data book.txt --out runs/book --engine cuda --ranks 2
  $ mpirun -n 4 plusminus train --data book.txt --out runs/book`;

/** Settings of the run by their flags; defaults and ranges are those of src/train/settings.ts. */
const settingFlags: readonly (readonly [keyof TrainingSettings, string, string])[] = [
  ['steps', '--steps <n>', 'updates of the weights'],
  ['batch', '--batch <n>', 'sequences per pass'],
  ['length', '--length <n>', 'tokens per sequence'],
  ['accumulation', '--accumulation <n>', 'passes per update, shared by ranks'],
  ['learningRate', '--learning-rate <x>', 'peak of the learning rate'],
  ['warmup', '--warmup <n>', 'steps of the linear rise of the learning rate'],
  ['finalFraction', '--final-fraction <x>', 'final learning rate, as a fraction of the peak'],
  ['weightDecay', '--weight-decay <x>', "AdamW's decay of matrices and the embedding"],
  ['beta1', '--beta1 <x>', "AdamW's β₁"],
  ['beta2', '--beta2 <x>', "AdamW's β₂"],
  ['epsilon', '--epsilon <x>', "AdamW's ε"],
  ['maxNorm', '--max-norm <x>', 'clip gradients to this norm; 0: never'],
  ['logitBytes', '--logit-bytes <n>', 'maximum bytes of logits at a time; the head is computed in parts'],
  ['validateEvery', '--validate-every <n>', 'steps between validations'],
  ['validation', '--validation <n>', 'sequences kept out of training; 0: none'],
  ['saveEvery', '--save-every <n>', 'steps between checkpoints'],
  ['seed', '--seed <n>', 'seed of the weights and the order of the data'],
  [
    'localSteps',
    '--local-steps <n>',
    'local steps between synchronisations (DiLoCo); 0: synchronise every step',
  ],
  ['outerLearningRate', '--outer-learning-rate <x>', 'learning rate of synchronisations'],
  ['outerMomentum', '--outer-momentum <x>', 'Nesterov momentum of synchronisations'],
];

/** Ranges are checked together with the settings, which code can set too. */
const anyNumber = number('a number', () => true);

interface Flags extends Partial<TrainingSettings> {
  readonly data?: string[];
  readonly chat?: string[];
  readonly out: string;
  readonly model?: string;
  readonly layers?: number;
  readonly hiddenSize?: number;
  readonly intermediateSize?: number;
  readonly variant?: 'released' | 'paper';
  readonly weights?: 'ternary' | 'float';
  readonly scores?: 'ternary' | 'float';
  readonly architecture?: ArchitectureName;
  readonly from?: string;
  readonly tokenizer?: string;
  readonly vocab?: number;
  readonly field?: string;
  readonly engine?: EngineChoice;
  readonly threads?: number;
  readonly shardOptimizer?: boolean;
  readonly ranks?: number;
  readonly resume?: boolean;
  readonly json?: boolean;
}

export function trainCommand(): Command {
  const command = new Command('train')
    .description('train a model on texts')
    .requiredOption('--out <folder>', 'folder of the run: model, log, loss curve')
    .option('--data <paths...>', 'texts, a folder of token shards, or a mix of such folders')
    .option('--chat <paths...>', 'conversations (.jsonl): the loss counts only the answers')
    .option('--resume', 'resume the run in --out')
    .option('--model <name>', `size of the model: ${configNames.join(', ')} (default: tiny)`)
    .option('--layers <n>', 'blocks of the model', anyNumber)
    .option('--hidden-size <n>', 'width of the model', anyNumber)
    .option('--intermediate-size <n>', 'width of the GLU', anyNumber)
    .addOption(
      new Option('--architecture <name>', 'architecture of the model (default: matmul-free)').choices(
        architectureNames,
      ),
    )
    .addOption(new Option('--variant <form>', 'form of the MLGRU').choices(['released', 'paper']))
    .addOption(
      new Option('--weights <kind>', 'float: the same model without rounding').choices(['ternary', 'float']),
    )
    .addOption(
      new Option('--scores <kind>', 'ternary: attention with ternary queries and keys').choices([
        'ternary',
        'float',
      ]),
    )
    .option('--from <folder|id>', 'start from the weights and tokenizer of this model')
    .option('--tokenizer <folder|id>', 'use the tokenizer of this model or folder instead of training one')
    .option('--vocab <n>', 'entries of a tokenizer that is trained (default: 4096)', anyNumber)
    .option('--field <name>', 'field of JSON lines that holds the text (default: text)')
    .addOption(scheduleOption());
  for (const [name, flags, meaning] of settingFlags) {
    command.option(flags, `${meaning} (default: ${defaultSettings[name]})`, anyNumber);
  }
  return command
    .option('--decay-all', 'apply weight decay to norms and lower bounds too')
    .option(
      '--recompute [blocks]',
      'recompute activations in the backward pass, of all blocks or the first N: less memory, slower',
      integer(1, 1e6),
    )
    .option('--plain-bit-linear', 'compute BitLinear as separate ops, to measure the effect of fusing')
    .option('--ordered', 'sum gradients in a fixed order: any number of ranks gives the same bits')
    .option('--shard-optimizer', "shard AdamW's state over the ranks")
    .option(
      '--ranks <n>',
      'processes of this machine that train together, one for each GPU',
      integer(1, 1024),
    )
    .addOption(engineOption())
    .option(
      '--threads <n>',
      'worker threads of the CPU (default: all cores; of 8 and more, all but one)',
      anyNumber,
    )
    .option('--json', 'print the log as JSON lines on stdout')
    .addHelpText('after', example)
    .action(train);
}

function scheduleOption(): Option {
  return new Option(
    '--schedule <name>',
    `schedule of the learning rate (default: ${defaultSettings.schedule})`,
  ).choices(scheduleNames);
}

async function train(flags: Flags): Promise<void> {
  if (await launches(flags.ranks)) return;
  await withGroup((group) => trainWith(group, flags));
}

async function trainWith(group: Group, flags: Flags): Promise<void> {
  const say = group.rank === 0 ? console.error : () => {};
  const interrupt = catchInterrupt(() => say(stopping(group, flags)), { savesWork: true });
  try {
    await withMachine({ ...(await machineFlags(flags)), group }, async (machine) => {
      const run = await (flags.resume
        ? Run.resume(flags.out, machine, flags.steps)
        : begin(flags, machine, interrupt));
      try {
        await carryOut(run, flags, interrupt, machine.gpus);
      } finally {
        await run.close();
      }
    });
  } catch (error) {
    if (!interrupt.signal.aborted || error !== interrupt.signal.reason) throw error;
    say(`Interrupted before training began; nothing was kept in ${flags.out}.`);
    process.exitCode = interrupt.exitCode;
  } finally {
    interrupt.release();
  }
}

function stopping({ size }: Group, { out }: Flags): string {
  if (size === 1) return '\nStopping after this step and saving; Ctrl-C again ends at once.';
  // A launcher sends the same signal when another rank has died; then there is no rank to stop with.
  return (
    '\nStopping and saving at the next synchronisation, if all ranks still run. ' +
    `If not, the last checkpoint is complete: continue with --resume --out ${out}`
  );
}

/** A run continues with the engine that it began with, unless --engine is given: engines round differently. */
async function machineFlags(flags: Flags): Promise<MachineFlags> {
  const { engine, threads, resume, out, shardOptimizer } = flags;
  if (!resume) return { engine, threads, shardOptimizer };
  refuseFixed(flags);
  return { engine: engine ?? (await readRunFile(out)).engine, threads, shardOptimizer };
}

async function carryOut(
  run: Run,
  { json }: Flags,
  interrupt: Interrupt,
  gpus?: readonly string[],
): Promise<void> {
  const speaks = run.trainer.group.rank === 0;
  const say = (lines: readonly string[]) => json || console.log(lines.join('\n'));
  for (const notice of run.notices) console.error(`Note: ${notice}.`);
  if (speaks) say(describeRun(run, gpus));
  const outcome = await runTraining(run, { interrupt, json });
  if (outcome === 'interrupted') process.exitCode = interrupt.exitCode;
  if (!speaks) return;
  say(await summarise(run));
  if (outcome === 'finished') {
    say(['', `Try it: npx plusminus generate --model ${run.folder} "…"`]);
    return;
  }
  console.error(
    `Saved after step ${run.step} of ${run.settings.steps}. Resume: npx plusminus train --resume --out ${run.folder}`,
  );
}

/** The options that may change when a run resumes: all others are fixed by its first command. */
const resumeFlags = ['out', 'resume', 'steps', 'engine', 'threads', 'shardOptimizer', 'ranks', 'json'];

function refuseFixed(flags: Flags): void {
  const others = Object.keys(flags).filter((name) => !resumeFlags.includes(name));
  if (others.length > 0) {
    throw new InputError(
      `--resume: found ${others.map(flagOf).join(', ')} too, but a resumed run keeps its data, model and settings; ` +
        'expected --out, and optionally --steps, --engine, --threads, --shard-optimizer, --ranks, --json',
    );
  }
}

async function begin(flags: Flags, machine: Machine, { signal }: Interrupt): Promise<Run> {
  const data = dataOf(flags);
  const { from, model, layers, hiddenSize, intermediateSize, variant, weights, scores, architecture } = flags;
  const sizes = { model, layers, hiddenSize, intermediateSize, variant, weights, scores, architecture };
  const chosen = Object.entries(sizes).filter(([, value]) => value !== undefined);
  if (from !== undefined && chosen.length > 0) {
    throw new InputError(`--from: found ${flagOf(chosen[0]![0])} too, but the checkpoint has its own sizes`);
  }
  const switches = ['schedule', 'decayAll', 'recompute', 'plainBitLinear', 'ordered'] as const;
  const names = [...settingFlags.map(([name]) => name), ...switches];
  const given = names.map((name) => [name, flags[name as keyof Flags]] as const);
  const group = machine.group ?? alone;
  const settings = parseSettings({
    ...usualSettings(architecture, model),
    accumulation: group.size, // one pass per rank
    ...Object.fromEntries(given.filter(([, value]) => value !== undefined)),
  });
  const progress = dataProgress(flags.json || group.rank > 0);
  const download = byteProgress({ quiet: group.rank > 0, ...flags });
  return beginRun(
    {
      ...{ folder: flags.out, data, settings, from, signal },
      chatLength: flags.chat ? settings.length : undefined,
      ...{ tokenizer: flags.tokenizer, vocabulary: flags.vocab ?? 4096, field: flags.field },
      model: { ...sizes, name: model ?? 'tiny' },
      ...progress.callbacks,
      onDownload: ({ loaded, total }) => download.update('downloading', loaded, total),
    },
    machine,
  ).finally(() => {
    download.stop();
    progress.clear();
  });
}

/** Defaults by architecture: attention needs lower learning rates than MatMul-free models. */
function usualSettings(
  architecture: ArchitectureName | undefined,
  model: string | undefined,
): TrainingChoices {
  const kind = architecture ?? (model === '2B4T' ? 'bitnet' : 'matmul-free');
  return kind === 'matmul-free' || kind === 'rwkv' ? {} : { learningRate: 1e-3, schedule: 'cosine' };
}

function dataOf({ data, chat, field }: Flags): readonly string[] {
  if (data && chat)
    throw new InputError('--chat: found --data too, expected one of them; to train on both, prepare a mix');
  if (chat && field !== undefined) {
    throw new InputError('--field: found it with --chat, but conversations have the field "messages"');
  }
  const paths = data ?? chat;
  if (paths) return paths;
  throw new InputError('--data: found nothing, expected texts to train on, or --chat, or --resume');
}

/** `hiddenSize` → `--hidden-size` */
function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
