/** `plusminus pull`: downloads a model, so that later commands need no network. */
import { Command } from 'commander';
import { catalogue } from '../checkpoint/catalogue.ts';
import { findModelFolder } from '../checkpoint/modelSource.ts';
import { engines } from '../engine/engines.ts';
import { formatBytes } from '../format.ts';
import { architectureOf } from '../model/architecture.ts';
import { firstRoom } from '../run/room.ts';
import { readFolder, weightsOf } from './inspect/found.ts';
import { byteProgress, interruptible } from './openModel.ts';
import { write, writeJson } from './output.ts';

const examples = `
Examples:
  $ plusminus pull ternary-bonsai-1.7b
  $ plusminus pull ridger/MMfreeLM-370M
  $ plusminus pull owner/name:file.gguf

An interrupted download resumes when the command is run again. "plusminus models" lists names.`;

interface Flags {
  readonly revision?: string;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

export function pullCommand(): Command {
  return new Command('pull')
    .description('Download a model from the Hugging Face Hub, verified by its checksums.')
    .argument('<name>', `a name such as ${catalogue[0]?.name}, owner/name, or owner/name:file.gguf`)
    .option('--revision <name>', 'branch, tag or commit (default: main)')
    .option('-q, --quiet', 'no progress')
    .option('--json', 'print one JSON object')
    .addHelpText('after', examples)
    .action((name: string, flags: Flags) => pull(name, flags));
}

async function pull(name: string, flags: Flags): Promise<void> {
  await interruptible(async (signal) => {
    const progress = byteProgress(flags);
    const path = await findModelFolder(name, {
      ...{ revision: flags.revision, signal },
      onProgress: ({ loaded, total }) => progress.update('downloading', loaded, total),
    }).finally(progress.stop);
    const found = await readFolder(path);
    const needed = firstRoom({ architecture: architectureOf(found.config), weights: weightsOf(found) });
    if (flags.json) return writeJson({ name, path, memory: needed });
    await write(
      `${name} is in ${path}\nIt needs ${formatBytes(needed)} of memory${engineFor(needed)}.\nTry: plusminus chat --model ${name}\n`,
    );
  });
}

function engineFor(needed: number): string {
  const { maxBytes } = engines.cpu;
  if (needed <= maxBytes) return '';
  return `; the CPU engine addresses ${formatBytes(maxBytes)}: use --engine webgpu or cuda`;
}
