/** `inspect --dump`: writes the code that engines would run for a model to a folder; nothing runs. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listCpuKernels, listProgram, listShaders } from '../../debug/listing.ts';
import { deviceKinds } from '../../engine/webgpu/deviceKinds.ts';
import { architectureOf } from '../../model/architecture.ts';
import type { Program } from '../../program/record.ts';
import { recordTypicalStep } from '../../run/steps.ts';
import { write, writeJson } from '../output.ts';
import { type Found, weightsOf } from './found.ts';

/** Number of tokens in the program that reads a prompt. */
const promptTokens = 256;

export async function dumpKernels(
  found: Found,
  folder: string,
  { json, quiet }: { readonly json?: boolean; readonly quiet?: boolean },
): Promise<void> {
  const files = [...filesOf(found)];
  for (const { path, lines } of files) {
    await mkdir(join(folder, ...path.slice(0, -1)), { recursive: true });
    await writeFile(join(folder, ...path), `${lines.join('\n')}\n`);
  }
  if (json) await writeJson({ folder, files: files.map(({ path }) => path.join('/')) });
  else if (!quiet) await write(`${folder}: ${files.length} files\n`);
}

interface TextFile {
  /** Folders, then the name. */
  readonly path: readonly string[];
  readonly lines: readonly string[];
}

/** The programs that read a prompt and that generate a token. */
function* filesOf(found: Found): Generator<TextFile> {
  const model = { architecture: architectureOf(found.config), weights: weightsOf(found) };
  for (const [name, length] of Object.entries({ prefill: promptTokens, decode: 1 })) {
    const program = recordTypicalStep(model, length, 'last', promptTokens + 1);
    yield* filesOfProgram(name, program);
  }
}

function* filesOfProgram(name: string, program: Program): Generator<TextFile> {
  yield { path: [name, 'program.txt'], lines: listProgram(program) };
  yield { path: [name, 'cpu.txt'], lines: listCpuKernels(program) };
  for (const [kind, features] of Object.entries(deviceKinds)) {
    const folder = [name, `webgpu-${kind.replaceAll(' ', '-')}`];
    const { files, dispatches } = listShaders(program, features);
    yield { path: [...folder, 'dispatches.txt'], lines: dispatches };
    for (const [file, source] of files) yield { path: [...folder, file], lines: [source] };
  }
}
