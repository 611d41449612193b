/** `plusminus accelerator compile`: compiles a checkpoint to a program and an image of DRAM. */
import { Command } from 'commander';
import { compileModel } from '../../accelerator/compile/model.ts';
import { savePackage } from '../../accelerator/package.ts';
import { bytesOfBeat, type MachineSizes } from '../../accelerator/parameters.ts';
import { findModelFolder } from '../../checkpoint/modelSource.ts';
import { formatBytes, formatTable } from '../../format.ts';
import { byteProgress, interruptible } from '../openModel.ts';
import { write, writeJson } from '../output.ts';
import { addSizeOptions, type SizeFlags, sizesOf } from './machineOptions.ts';

interface Flags extends SizeFlags {
  readonly out: string;
  readonly logits: boolean;
  readonly hex?: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

const examples = `
Examples:
  $ plusminus accelerator compile plusminus/stories --out runs/chip
  $ plusminus accelerator compile plusminus/stories --out runs/chip-4 --cores 4 --no-logits
  $ plusminus accelerator compile plusminus/stories --out runs/chip-16 --batch 16`;

export function compileCommand(): Command {
  const command = new Command('compile')
    .description('Compile a MatMul-free model: program.s, program.mem, dram.bin and accelerator.json.')
    .argument('<model>', 'model folder or Hub name')
    .requiredOption('--out <folder>', 'output folder');
  return addSizeOptions(command)
    .option('--no-logits', 'output only the most probable token; do not store logits')
    .option('--hex', 'also write dram.mem, the DRAM image as text for a test bench')
    .option('-q, --quiet', 'no progress')
    .option('--json', 'print JSON for machines')
    .addHelpText('after', examples)
    .action((model: string, flags: Flags) => interruptible((signal) => run(model, flags, signal)));
}

async function run(model: string, flags: Flags, signal: AbortSignal): Promise<void> {
  const sizes = sizesOf(flags);
  const progress = byteProgress(flags);
  const folder = await findModelFolder(model, {
    onProgress: ({ loaded, total }) => progress.update('downloading', loaded, total),
    signal,
  }).finally(progress.stop);
  const compiled = await compileModel(folder, {
    ...{ sizes, logits: flags.logits, signal },
    onProgress: ({ loaded, total }) => progress.update('loading', loaded, total),
  }).finally(progress.stop);
  await savePackage(flags.out, compiled, sizes, { hex: flags.hex === true });
  const { program, beats, streamBeats, regions } = compiled;
  const facts = { model, out: flags.out, instructions: program.length, beats, streamBeats, regions };
  if (flags.json) await writeJson(facts);
  else await write(`${summary(facts, sizes).join('\n')}\n`);
}

function summary(
  facts: { readonly out: string; readonly instructions: number; readonly beats: number; streamBeats: number },
  sizes: MachineSizes,
): string[] {
  const beatBytes = bytesOfBeat(sizes);
  return [
    ...formatTable(
      [facts.out, ''],
      [
        ['instructions', String(facts.instructions)],
        ['DRAM', formatBytes(facts.beats * beatBytes)],
        ['cores', String(sizes.cores)],
        ['weights a core streams for a token', formatBytes(facts.streamBeats * beatBytes)],
      ],
    ),
    '',
    `Next: plusminus accelerator simulate ${facts.out} --tokens 1,2,3 --count 8`,
  ];
}
