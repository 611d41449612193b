import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rtlConstants } from '../src/accelerator/rtlConstants.ts';
import { rtlFolder, rtlSources } from './bench/bench.ts';
import { describeWithVerilator } from './bench/tools.ts';

describe('the sources of the RTL', () => {
  it('hold one module a file, named as the file', () => {
    for (const file of rtlSources()) {
      const source = readFileSync(join(rtlFolder, file), 'utf8');
      const names = [...source.matchAll(/^(?:module|package)\s+(\w+)/gm)].map(([, name]) => `${name}.sv`);
      expect(names, file).toEqual([file.split('/').at(-1)]);
    }
  });

  it('are generated from the instruction set as it is now: `npx node scripts/buildRtl.ts`', () => {
    for (const [name, content] of rtlConstants()) {
      expect(readFileSync(join(rtlFolder, 'generated', name), 'utf8'), name).toBe(content);
    }
  });

  it('are all in the FuseSoC core, whose files exist', () => {
    const core = readFileSync(join(rtlFolder, 'plusminus.core'), 'utf8');
    const named = [...core.matchAll(/[\w/]+\.(?:sv|mem|lpf|xdc|vlt)\b/g)].map(([name]) => name);
    expect(named).toEqual(expect.arrayContaining(rtlSources()));
    for (const name of named) expect(existsSync(join(rtlFolder, name)), name).toBe(true);
    const tops = [...core.matchAll(/toplevel: (\w+)/g)].map(([, name]) => `${name}.sv`);
    expect(rtlSources()).toEqual(expect.arrayContaining(tops));
  });

  // FuseSoC lists a core with another form of version, and fails as soon as a target is used.
  it('have a FuseSoC core of the version of the package, in the form that FuseSoC resolves', () => {
    const core = readFileSync(join(rtlFolder, 'plusminus.core'), 'utf8');
    const { version } = JSON.parse(readFileSync(join(rtlFolder, '../package.json'), 'utf8'));
    const expected = version.replace('-beta.', 'b');
    expect(expected).toMatch(/^\d+\.\d+\.\d+(b\d+)?$/);
    expect(core).toContain(`\nname: ::plusminus:${expected}\n`);
  });

  it('of the ULX3S have a pin for every port', () => {
    const source = readFileSync(join(rtlFolder, 'pm_ulx3s.sv'), 'utf8');
    const ports = [...source.matchAll(/^ {4}(?:input|output) +(?:wire )?logic (\w+)/gm)].map(
      ([, name]) => name,
    );
    const pins = readFileSync(join(rtlFolder, 'boards/ulx3s.lpf'), 'utf8').matchAll(/LOCATE COMP "(\w+)"/g);
    expect([...pins].map(([, name]) => name).sort()).toEqual(ports.sort());
    expect(ports).toHaveLength(4);
  });

  it('use no floating point', () => {
    for (const file of rtlSources()) {
      expect(readFileSync(join(rtlFolder, file), 'utf8'), file).not.toMatch(/\b(real|shortreal|realtime)\b/);
    }
  });
});

describeWithVerilator('the RTL is lint-clean', () => {
  // Sizes at which widths of counters and pointers change.
  it.each([
    { top: 'pm_accelerator', parameters: { CORES: 1 } },
    { top: 'pm_accelerator', parameters: { CORES: 2, BATCH: 3 } },
    { top: 'pm_accelerator', parameters: { CORES: 2, BATCH: 32, VLMAX: 48, FIFO: 2, OUTQ: 3, ROW_LANES: 1 } },
    { top: 'pm_accelerator', parameters: { CORES: 17, ROM: 65536, MEM_BEATS: 2 ** 28 } },
    { top: 'pm_accelerator', parameters: { CORES: 4, VLMAX: 48, FIFO: 2, OUTQ: 3 } },
    { top: 'pm_accelerator', parameters: { CORES: 2, LANES: 8, COLUMNS: 20, BATCH: 2, VLMAX: 272 } },
    { top: 'pm_accelerator', parameters: { CORES: 1, LANES: 4, COLUMNS: 20, VLMAX: 32, ROW_LANES: 1 } },
    { top: 'pm_on_chip', parameters: { CORES: 1 } },
    { top: 'pm_on_chip', parameters: { CORES: 1, LANES: 8, COLUMNS: 20 } },
    { top: 'pm_ulx3s', parameters: {} },
    { top: 'pm_axi', parameters: { CORES: 3, BATCH: 2, ROW_LANES: 1 } },
    { top: 'pm_cluster', parameters: { CORES: 3, VLMAX: 256, FIFO: 16, OUTQ: 1, ROM: 1 } },
  ])('$top, $parameters.CORES cores', { timeout: 300_000 }, ({ top, parameters }) => {
    const sizes = Object.entries(parameters).map(([name, value]) => `-G${name}=${value}`);
    const { status, stderr } = spawnSync(
      'verilator',
      ['--lint-only', '-Wall', '--top-module', top, ...sizes, 'lint.vlt', ...rtlSources()],
      { cwd: rtlFolder, encoding: 'utf8' },
    );
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });
});
