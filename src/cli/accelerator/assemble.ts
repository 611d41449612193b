/** `plusminus accelerator assemble` and `disassemble`. */
import fs from 'node:fs/promises';
import { Command } from 'commander';
import { assemble } from '../../accelerator/assembler.ts';
import { disassemble } from '../../accelerator/disassembler.ts';
import { readText } from '../../accelerator/package.ts';
import { formatRom, parseRom } from '../../accelerator/romFile.ts';
import { write, writeJson } from '../output.ts';

interface Flags {
  readonly out?: string;
  readonly json?: boolean;
}

export function assembleCommand(): Command {
  return new Command('assemble')
    .description(
      'Assemble a program: one instruction of 16 hexadecimal digits a line, as $readmemh reads it.',
    )
    .argument('<file>', 'assembly')
    .option('-o, --out <file>', 'file to write (default: standard output)')
    .option('--json', 'print JSON for machines')
    .addHelpText(
      'after',
      '\nExample:\n  $ plusminus accelerator assemble runs/chip/program.s --out program.mem',
    )
    .action(async (file: string, flags: Flags) => {
      const words = assemble(await readText(file), file);
      await result(formatRom(words), { file, instructions: words.length }, flags);
    });
}

export function disassembleCommand(): Command {
  return new Command('disassemble')
    .description('Write the assembly of a program; assembling it gives the same words.')
    .argument('<file>', 'instructions as hexadecimal words')
    .option('-o, --out <file>', 'file to write (default: standard output)')
    .option('--json', 'print JSON for machines')
    .addHelpText('after', '\nExample:\n  $ plusminus accelerator disassemble runs/chip/program.mem')
    .action(async (file: string, flags: Flags) => {
      const words = parseRom(await readText(file), file);
      await result(disassemble(words), { file, instructions: words.length }, flags);
    });
}

async function result(
  text: string,
  facts: { readonly file: string; readonly instructions: number },
  { out, json }: Flags,
): Promise<void> {
  if (out !== undefined) await fs.writeFile(out, text);
  if (json) await writeJson({ ...facts, ...(out === undefined ? { text } : { out }) });
  else if (out === undefined) await write(text);
}
