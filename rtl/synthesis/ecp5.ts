/**
 * A whole accelerator with the memory of a small model, placed and routed on an ECP5-85F: with the system's Yosys, and
 * nextpnr as WebAssembly.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PlacedDesign } from '../../src/accelerator/resources.ts';
import { InputError } from '../../src/errors.ts';
import { rtlFolder } from '../bench/bench.ts';
import { sourcesDigest } from './digest.ts';
import { onChipRun } from './onChipRun.ts';
import { nextpnrEcp5, readSources } from './tools.ts';

/** The module that is placed. */
export const placedTop = 'pm_on_chip';

/** Placement begins at random: each seed is a result of its own, and the best counts, as it would for a bitstream. */
export const placerSeeds = [1, 2, 3];

const synthesis = `synth_ecp5 -nowidelut -abc9 -top ${placedTop}`;

interface NextpnrReport {
  readonly fmax: Readonly<Record<string, { readonly achieved: number }>>;
  readonly utilization: Readonly<Record<string, { readonly used: number; readonly available: number }>>;
}

/** Places with one more seed than `before`. */
export async function placeOnEcp5(before: PlacedDesign | undefined): Promise<PlacedDesign> {
  const seed = placerSeeds[before?.clocksMHz.length ?? 0]!;
  const { clockMHz, used, available } = await place(seed);
  if (before) return { ...before, clocksMHz: [...before.clocksMHz, clockMHz] };
  const versions = [await output('yosys', ['-V']), await output(nextpnrEcp5, ['--version'])].join(' ');
  const [, yosys, nextpnr] = /Yosys ([\w.+]+).*nextpnr-([\w.]+)/s.exec(versions)!;
  return {
    ...{ sources: sourcesDigest(placedTop), module: placedTop, device: 'LFE5U-85F, speed grade 6' },
    ...{ clocksMHz: [clockMHz], used, available },
    ...{ run: await onChipRun(), tool: `Yosys ${yosys}, nextpnr-ecp5 ${nextpnr}` },
  };
}

/** What one seed of the placer gives. nextpnr's report stays beside the netlist: it names the longest paths. */
export async function place(
  seed: number,
): Promise<{ readonly clockMHz: number } & Pick<PlacedDesign, 'used' | 'available'>> {
  const netlist = await synthesised();
  const report = `${basename(netlist, '.json')}-seed-${seed}.json`;
  await output(
    nextpnrEcp5,
    [
      // The bus has more ports than small packages have pins.
      ...['--85k', '--package', 'CABGA756', '--speed', '6', '--lpf-allow-unconstrained', '--quiet'],
      ...['--json', basename(netlist), '--report', report, '--freq', '50'],
      ...['--seed', String(seed), '--timing-allow-fail'],
    ],
    dirname(netlist), // it sees no files but those of its folder
  );
  const { fmax, utilization } = JSON.parse(
    readFileSync(join(dirname(netlist), report), 'utf8'),
  ) as NextpnrReport;
  const of = (key: 'used' | 'available') => ({
    logic: utilization.TRELLIS_COMB![key],
    registers: utilization.TRELLIS_FF![key],
    multipliers: utilization.MULT18X18D![key],
    memoryBlocks: utilization.DP16KD![key],
  });
  const clockMHz = Math.min(...Object.values(fmax).map(({ achieved }) => achieved));
  return { clockMHz, used: of('used'), available: of('available') };
}

/** The netlist's file; it is kept, since synthesis takes minutes. */
async function synthesised(): Promise<string> {
  const name = `${placedTop}-${sourcesDigest(placedTop)}.json`;
  const file = fileURLToPath(new URL(`../../build/rtl/${name}`, import.meta.url));
  if (existsSync(file)) return file;
  mkdirSync(dirname(file), { recursive: true });
  const script = `${readSources}; hierarchy -check -top ${placedTop}; ${synthesis} -json ${file}.tmp`;
  await output('yosys', ['-q', '-p', script], rtlFolder);
  renameSync(`${file}.tmp`, file);
  return file;
}

/** What a program writes to its standard output. */
async function output(program: string, args: readonly string[], cwd = rtlFolder): Promise<string> {
  const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
  }
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('close', resolve);
    child.on('error', () => reject(new InputError(`${program} is not installed: rtl/README.md, Synthesis`)));
  });
  if (status !== 0) throw new Error(`${program} ended with status ${status}: ${texts.stderr.slice(-2000)}`);
  return texts.stdout + texts.stderr;
}
