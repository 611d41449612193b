/** Bounded proofs by Yosys: every property of formal/ holds for all inputs in all cycles up to a depth. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { rtlFolder } from './bench/bench.ts';
import { describeWithYosys } from './bench/tools.ts';

/** Yosys's answer about a module; `edit` changes the module's source before. */
function prove(module: string, depth: number, edit = (source: string) => source): string {
  const folder = mkdtempSync(join(tmpdir(), 'plusminus-proof-'));
  try {
    const source = join(folder, `${module}.sv`);
    writeFileSync(source, edit(readFileSync(join(rtlFolder, `${module}.sv`), 'utf8')));
    const top = `${module}_proof`;
    const script = [
      `read_verilog -sv -formal pm_pkg.sv ${source} pm_ram.sv formal/${top}.sv`,
      `hierarchy -check -top ${top}; proc; flatten; opt -keepdc; memory_map; opt; async2sync`,
      `sat -prove-asserts -tempinduct-baseonly -set-init begun_q 1'0 -maxsteps ${depth} ${top}`,
    ].join('; ');
    const { status, stdout, stderr } = spawnSync('yosys', ['-p', script], {
      cwd: rtlFolder,
      encoding: 'utf8',
    });
    expect(status, stderr).toBe(0);
    return stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describeWithYosys('properties', { timeout: 300_000 }, () => {
  it.each([
    ['pm_drain', 16],
    ['pm_arbiter', 14],
    ['pm_streamer', 8],
  ] as const)('of %s hold for %i cycles after any start', (module, depth) => {
    expect(prove(module, depth)).toContain(`proved base case for ${depth} steps: SUCCESS!`);
  });

  it.each([
    ['pm_drain', 'rsp_valid_i && !draining_q', 'rsp_valid_i'],
    ['pm_arbiter', "held != '0", "1'b1"],
    ['pm_streamer', '!used_q[DEPTH]', "1'b1"],
  ] as const)('of %s are seen to fail where the module is wrong', (module, from, to) => {
    const edit = (source: string) => {
      expect(source).toContain(from);
      return source.replaceAll(from, to);
    };
    expect(prove(module, 14, edit)).toContain('model found');
  });
});
