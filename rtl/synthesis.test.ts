import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readRtlReport } from '../src/accelerator/resources.ts';
import { rtlFolder, rtlSources } from './bench/bench.ts';
import { describeWithYosys } from './bench/tools.ts';
import { sourcesDigest } from './synthesis/digest.ts';
import { placedTop } from './synthesis/ecp5.ts';
import { estimated } from './synthesis/estimate.ts';
import { reducedCore } from './synthesis/ice40.ts';
import { targets } from './synthesis/targets.ts';
import { setParameters, tritsCore, units } from './synthesis/units.ts';

/** Cell types of a synthesised module and all within it, from Yosys' report. */
function cellsOf(module: string, parameters: Readonly<Record<string, number>> = {}): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'plusminus-synthesis-'));
  try {
    const report = join(folder, 'report.json');
    const script = [
      `read_verilog -sv ${rtlSources().join(' ')}`,
      setParameters(module, parameters),
      `hierarchy -check -top ${module}`,
      // As far as multipliers and memories are chosen; mapping logic to tables adds none.
      `synth_ecp5 -noflatten -run begin:map_ffs -top ${module}`,
      `tee -q -o ${report} stat -json`,
    ].join('; ');
    const { status, stderr } = spawnSync('yosys', ['-q', '-p', script], { cwd: rtlFolder, encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    // Yosys 0.23 writes lines that are not JSON between the modules.
    return [...readFileSync(report, 'utf8').matchAll(/^\s*"([^"]+)": \d+,?$/gm)].map(([, name]) => name!);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

it('has results of the sources as they are now: `npx node rtl/synthesise.ts` renews those that changed', async () => {
  const report = await readRtlReport(new URL('../results/rtl.json', import.meta.url));
  const old = report!.units.filter(({ module, sources }) => sources !== sourcesDigest(module));
  expect(old.map(({ target, module }) => `${target}: ${module}`)).toEqual([]);
  expect(report!.reducedCore!.sources).toBe(sourcesDigest(reducedCore));
  expect(report!.onChip!.sources).toBe(sourcesDigest(placedTop));
  expect(report!.placed!.sources).toBe(sourcesDigest(placedTop));
  for (const { name } of targets) {
    const modules = report!.units.filter(({ target }) => target === name).map(({ module }) => module);
    expect(new Set(modules)).toEqual(new Set(units.map(({ module }) => module)));
  }
});

it('has estimates of every unit, each for 100 MHz or more', async () => {
  const { estimates } = (await readRtlReport(new URL('../results/rtl.json', import.meta.url)))!;
  const current = estimates.filter(({ module, sources }) => sources === sourcesDigest(module));
  expect(new Set(current.map(({ module }) => module))).toEqual(new Set(estimated));
  expect(current.filter(({ nanoseconds }) => nanoseconds > 10)).toEqual([]);
});

it('has a whole accelerator that is placed and routed at 50 MHz or more', async () => {
  const { placed } = (await readRtlReport(new URL('../results/rtl.json', import.meta.url)))!;
  expect(Math.max(...placed!.clocksMHz)).toBeGreaterThanOrEqual(50);
});

const multiplies = (cell: string) => /mul|macc|dsp/i.test(cell);

describeWithYosys('synthesis', () => {
  it.each([
    { module: 'pm_ternary_core', parameters: {} },
    tritsCore,
    { module: 'pm_collector', parameters: {} },
  ])('infers no multiplier in $module, $parameters', { timeout: 300_000 }, ({ module, parameters }) => {
    const cells = cellsOf(module, parameters);
    expect(cells.some((cell) => cell.includes('TRELLIS_FF') || cell.includes('_DFF'))).toBe(true);
    expect(cells.filter(multiplies)).toEqual([]);
  });

  it('infers multipliers where there are some, so the report would show them', { timeout: 300_000 }, () => {
    expect(cellsOf('pm_row_lane').filter(multiplies)).not.toEqual([]);
  });
});
