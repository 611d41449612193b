/** A ternary core of eight rows on an iCE40 HX8K: a clock after real placement and routing. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PlacedCore } from '../../src/accelerator/resources.ts';
import { rtlFolder } from '../bench/bench.ts';
import { sourcesDigest } from './digest.ts';
import { nextpnrIce40, readSources, text, yosys } from './tools.ts';

/** The module that is placed. */
export const reducedCore = 'pm_reduced_core';

interface NextpnrReport {
  readonly fmax: Record<string, { readonly achieved: number }>;
  readonly utilization: Record<string, { readonly used: number; readonly available: number }>;
}

export async function placeReducedCore(): Promise<PlacedCore> {
  const source = `${reducedCore}.sv`;
  const netlist = await yosys(
    `${readSources} ${source}; synth_ice40 -device hx -top ${reducedCore} -json netlist.json`,
    {
      [source]: readFileSync(join(rtlFolder, 'synthesis', source), 'utf8'),
    },
  );
  const { files, version } = await nextpnrIce40(
    [
      ...['--hx8k', '--package', 'ct256', '--json', 'netlist.json', '--report', 'report.json'],
      // Asked for the paper's clock; a fixed seed repeats the result.
      ...['--freq', '60', '--seed', '1', '--pcf-allow-unconstrained'],
    ],
    { 'netlist.json': text(netlist.files['netlist.json']) },
  );
  const { fmax, utilization } = JSON.parse(text(files['report.json'])) as NextpnrReport;
  const { used, available } = utilization.ICESTORM_LC!;
  return {
    sources: sourcesDigest(reducedCore),
    device: 'iCE40 HX8K',
    rows: 8,
    logicCells: used,
    logicCellsOfDevice: available,
    memoryBlocks: utilization.ICESTORM_RAM!.used,
    clockMHz: Math.min(...Object.values(fmax).map(({ achieved }) => achieved)),
    tool: `nextpnr-ice40 ${version}`,
  };
}
