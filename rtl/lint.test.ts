import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
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
    { top: 'pm_accelerator', parameters: { CORES: 4, BATCH: 32, VLMAX: 48, FIFO: 2, OUTQ: 3 } },
    { top: 'pm_accelerator', parameters: { CORES: 17, ROM: 65536, MEM_BEATS: 2 ** 28 } },
    { top: 'pm_accelerator', parameters: { CORES: 4, VLMAX: 48, FIFO: 2, OUTQ: 3 } },
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
