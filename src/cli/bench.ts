/** `plusminus bench`: runs the repository's benchmark. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { InputError } from '../errors.ts';

const program = fileURLToPath(new URL('../../bench/cpu.ts', import.meta.url));

const examples = `
Examples:
  $ plusminus bench
  $ plusminus bench --sizes 370M --threads 1,2`;

export function benchCommand(): Command {
  return new Command('bench')
    .description(
      'Measure decoding, prompts, memory and training on this machine; options as for "npm run bench".',
    )
    .argument('[options...]', 'passed to bench/cpu.ts')
    .allowUnknownOption()
    .addHelpText('after', examples)
    .action((options: string[]) => bench(options));
}

async function bench(options: readonly string[]): Promise<void> {
  if (!existsSync(program)) {
    throw new InputError(`${program}: not found; the benchmark comes with the repository, run it there`);
  }
  const child = spawn(process.execPath, [program, ...options], { stdio: 'inherit' });
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1);
}
