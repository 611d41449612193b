/** The accelerator's page says what its JSON says, and that says what the simulator does now. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { recordedPage, recordedReport } from '../bench/acceleratorPage.ts';
import { type PowerReport, powerPage, scaledJoules } from '../rtl/power/page.ts';
import { blockRow } from '../src/accelerator/report.ts';
import { markdown, sectionsOf } from '../src/cli/accelerator/reportSections.ts';

it('results/accelerator.md and its figure are what `npx node bench/acceleratorPage.ts` writes', async () => {
  const page = await recordedPage();
  expect(Object.keys(page)).toHaveLength(2);
  for (const [path, text] of Object.entries(page)) expect(readFileSync(path, 'utf8')).toBe(text);
});

it('results/accelerator-power.md says what its JSON says, of as many beats as the report has', () => {
  const text = (name: string) =>
    readFileSync(new URL(`../results/accelerator-power.${name}`, import.meta.url), 'utf8');
  const report: PowerReport = JSON.parse(text('json'));
  expect(text('md')).toBe(powerPage(report));
  const { clockMHz, scaled } = report;
  const same = recordedReport().models.find(
    (row) => row.model === scaled.model && row.cores === 1 && row.clockMHz === clockMHz,
  )!;
  expect(scaledJoules(report).parts.DRAM).toBeCloseTo(same.dramJoules, 6);
  expect(scaled.tokensPerSecond).toBeCloseTo(same.tokensPerSecond, 6);
});

it('recorded times of blocks of d = 512 are those that the simulator finds', () => {
  const { blocks, channels } = recordedReport();
  const rows = blocks.filter(({ width }) => width === 512);
  expect(rows.length).toBeGreaterThan(4);
  for (const row of rows) expect(blockRow(512, row.cores, row.clockMHz, channels)).toEqual(row);
});

it('a block of d = 512 takes at most 0.25 ms at 60 MHz on one core', () => {
  const row = recordedReport().blocks.find(
    ({ width, cores, clockMHz }) => width === 512 && cores === 1 && clockMHz === 60,
  );
  expect(row!.milliseconds).toBeLessThanOrEqual(0.25);
});

// `report --cores 4` has no row of one core to compare with.
it('a report of one number of cores compares that one with published figures', () => {
  const { blocks, models, saturation, stalls, ...rest } = recordedReport();
  const four = <Row extends { readonly cores: number }>(rows: readonly Row[]) =>
    rows.filter(({ cores }) => cores === 4);
  const only = {
    ...{ blocks: four(blocks), models: four(models), saturation: four(saturation), stalls: four(stalls) },
    ...rest,
  };
  const page = markdown(sectionsOf(only, undefined), { saturation: 'saturation.svg' });
  expect(page).toContain('| here, 4 cores: switching, estimated | 44.6 |');
  expect(page).not.toMatch(/undefined|NaN/);
  // As in an installed package, which has no results of synthesis.
  expect(page).toMatch(/Resources after synthesis\s+Not told: .*`--synthesis\s+FILE`/s);
});
