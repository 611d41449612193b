/**
 * Tests that need hardware tools are skipped where these are absent; PLUSMINUS_REQUIRE_VERILATOR=1, as in CI, turns
 * that into a failure.
 */
import { spawnSync } from 'node:child_process';
import { describe } from 'vitest';
import { nextpnrEcp5 } from '../synthesis/tools.ts';
import { pythonWithLitedram } from './litedram.ts';

function missing(command: string): boolean {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).error !== undefined;
}

const required = process.env.PLUSMINUS_REQUIRE_VERILATOR === '1';

/** `describe` for tests that run the RTL. */
export const describeWithVerilator = describe.skipIf(!required && missing('verilator'));

/** `describe` for tests that synthesise. */
export const describeWithYosys = describe.skipIf(!required && missing('yosys'));

const litedramRequired = process.env.PLUSMINUS_REQUIRE_LITEDRAM === '1';
const litedramMissing = () => spawnSync(pythonWithLitedram, ['-c', 'import litedram']).status !== 0;

/** `describe` for tests with LiteDRAM's controller; PLUSMINUS_REQUIRE_LITEDRAM=1, as in CI, makes its absence a failure. */
export const describeWithLitedram = describe.skipIf(
  !litedramRequired && (missing('verilator') || litedramMissing()),
);

const nextpnrRequired = process.env.PLUSMINUS_REQUIRE_NEXTPNR === '1';

/** `describe` for tests that place and route; PLUSMINUS_REQUIRE_NEXTPNR=1, as in CI, makes nextpnr's absence a failure. */
export const describeWithNextpnr = describe.skipIf(
  !nextpnrRequired && (missing('yosys') || missing(nextpnrEcp5)),
);
