/** `plusminus accelerator`: assembler, compiler, simulator and report of the hardware. */
import { Command } from 'commander';
import { assembleCommand, disassembleCommand } from './accelerator/assemble.ts';
import { compileCommand } from './accelerator/compile.ts';
import { perplexityCommand } from './accelerator/perplexity.ts';
import { reportCommand } from './accelerator/report.ts';
import { simulateCommand } from './accelerator/simulate.ts';

const examples = `
Examples:
  $ plusminus accelerator compile plusminus/stories --out runs/chip
  $ plusminus accelerator simulate runs/chip --tokens 1,2,3 --count 16
  $ plusminus accelerator report`;

export function acceleratorCommand(): Command {
  const command = new Command('accelerator')
    .description('Compile models to the accelerator, simulate it cycle by cycle, report its speed.')
    .addHelpText('after', examples);
  const all = [
    ...[assembleCommand(), disassembleCommand(), compileCommand()],
    ...[simulateCommand(), perplexityCommand(), reportCommand()],
  ];
  for (const each of all) command.addCommand(each);
  return command;
}
