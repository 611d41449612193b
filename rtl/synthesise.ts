/**
 * Synthesises each unit of the cluster for each technology, and places and routes a reduced core:
 * `npm --prefix rtl ci`, then `node rtl/synthesise.ts`. Writes results/rtl.json after each step; what is already there
 * for the same sources is kept, so a run that was stopped goes on.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rtlFolder, rtlSources } from './bench/bench.ts';
import { placeReducedCore } from './synthesis/ice40.ts';
import type { RtlReport } from './synthesis/report.ts';
import { type Resources, type Target, targets } from './synthesis/targets.ts';
import { readSources, text, yosys } from './synthesis/tools.ts';

/** The cluster's units, and how many of them a cluster of N cores has: one, or one for each core. */
const units = [
  { module: 'pm_ternary_core', perCore: true },
  { module: 'pm_streamer', perCore: true },
  { module: 'pm_row', perCore: false },
  { module: 'pm_scalar', perCore: false },
  { module: 'pm_scalar_file', perCore: false },
  { module: 'pm_load_store', perCore: false },
  { module: 'pm_router', perCore: false },
  { module: 'pm_collector', perCore: false },
  { module: 'pm_arbiter', perCore: false },
  { module: 'pm_issue', perCore: false },
  { module: 'pm_fetch', perCore: false },
] as const;

const output = new URL('../results/rtl.json', import.meta.url);

function sourcesDigest(): string {
  const hash = createHash('sha256');
  for (const name of rtlSources()) hash.update(readFileSync(join(rtlFolder, name)));
  return hash.digest('hex').slice(0, 16);
}

function begin(): RtlReport {
  const digest = sourcesDigest();
  if (existsSync(output)) {
    const report = JSON.parse(readFileSync(output, 'utf8')) as RtlReport;
    if (report.sources === digest) return report;
  }
  return { sources: digest, tool: '', units: [] };
}

function save(report: RtlReport): void {
  const temporary = new URL('../results/rtl.json.tmp', import.meta.url);
  writeFileSync(temporary, `${JSON.stringify(report, null, 2)}\n`);
  renameSync(temporary, output);
}

async function synthesise(
  target: Target,
  module: string,
): Promise<{ resources: Resources; version: string }> {
  const { files, version } = await yosys(
    [
      readSources,
      `hierarchy -check -top ${module}`,
      `${target.command} -top ${module}`,
      'tee -q -o stat.json stat -json',
    ].join('; '),
  );
  const { design } = JSON.parse(text(files['stat.json'])) as {
    design: { num_cells_by_type: Record<string, number> };
  };
  const resources: Resources = { logic: 0, registers: 0, multipliers: 0, memoryBlocks: 0 };
  for (const [cell, count] of Object.entries(design.num_cells_by_type)) {
    for (const [key, each] of Object.entries(target.count(cell))) {
      resources[key as keyof Resources] += count * each;
    }
  }
  return { resources, version };
}

const report = begin();
const jobs = targets.flatMap((target) => units.map((unit) => ({ target, ...unit })));
for (const [i, { target, module, perCore }] of jobs.entries()) {
  if (report.units.some((done) => done.target === target.name && done.module === module)) continue;
  process.stderr.write(`[${i + 1}/${jobs.length + 1}] ${target.name}: ${module}\n`);
  const { resources, version } = await synthesise(target, module);
  report.tool = `Yosys ${version}`;
  report.units.push({ target: target.name, units: target.units, module, perCore, ...resources });
  save(report);
}
if (!report.reducedCore) {
  process.stderr.write(`[${jobs.length + 1}/${jobs.length + 1}] place and route on an iCE40 HX8K\n`);
  report.reducedCore = await placeReducedCore();
  save(report);
}
