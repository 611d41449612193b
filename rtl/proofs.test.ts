/** Bounded proofs by Yosys: every property of formal/ holds for all inputs in all cycles up to a depth. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { rtlFolder } from './bench/bench.ts';
import { describeWithYosys } from './bench/tools.ts';

interface Proof {
  readonly module: string;
  /** Cycles from the start; with two clocks, edges of either. */
  readonly depth: number;
  /** Two clocks whose edges come in any order, from the state after a reset. */
  readonly clocks?: 2;
  /** Text of the module, and a fault in its place. */
  readonly right: string;
  readonly wrong: string;
}

const proofs: readonly Proof[] = [
  { module: 'pm_drain', depth: 16, right: 'rsp_valid_i && !draining_q', wrong: 'rsp_valid_i' },
  { module: 'pm_arbiter', depth: 14, right: "held != '0", wrong: "1'b1" },
  { module: 'pm_streamer', depth: 8, right: '!used_q[DEPTH]', wrong: "1'b1" },
  { module: 'pm_load_store', depth: 10, right: '!(half_q && low_q) &&', wrong: '' },
  { module: 'pm_async_fifo', depth: 12, clocks: 2, right: 'push_i && ready_o', wrong: 'push_i' },
];

/** Modules that the ones proved are made of, or that a proof puts beside them. */
const parts = ['pm_ram', 'pm_drain', 'formal/pm_reads_in_flight'];

/** Yosys's answer about a module; `edit` changes the module's source before. */
function prove({ module, depth, clocks }: Proof, edit = (source: string) => source): string {
  const folder = mkdtempSync(join(tmpdir(), 'plusminus-proof-'));
  try {
    const source = join(folder, `${module}.sv`);
    writeFileSync(source, edit(readFileSync(join(rtlFolder, `${module}.sv`), 'utf8')));
    const top = `${module}_proof`;
    const [clocking, start] =
      clocks === 2 ? ['clk2fflogic', '-set-init-zero'] : ['async2sync', "-set-init begun_q 1'0"];
    const others = parts.filter((part) => part !== module).map((part) => `${part}.sv`);
    // Gates rather than words, so that the solver sees only the bits that a property depends on.
    const script = [
      `read_verilog -sv -formal pm_pkg.sv generated/pm_isa.sv ${source} ${others.join(' ')} formal/${top}.sv`,
      `hierarchy -check -top ${top}; proc; flatten; opt -keepdc; memory_map; opt; ${clocking}; opt; techmap; opt -keepdc`,
      `sat -prove-asserts -tempinduct-baseonly ${start} -maxsteps ${depth} ${top}`,
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
  it.each(proofs)('of $module hold for $depth steps after any start', (proof) => {
    expect(prove(proof)).toContain(`proved base case for ${proof.depth} steps: SUCCESS!`);
  });

  it.each(proofs)('of $module are seen to fail where the module is wrong', (proof) => {
    const { right, wrong } = proof;
    const edit = (source: string) => {
      expect(source).toContain(right);
      return source.replaceAll(right, wrong);
    };
    expect(prove(proof, edit)).toContain('model found');
  });
});
