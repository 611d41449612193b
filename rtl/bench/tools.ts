/**
 * Tests that need hardware tools are skipped where these are absent; PLUSMINUS_REQUIRE_VERILATOR=1, as in CI, turns
 * that into a failure.
 */
import { spawnSync } from 'node:child_process';
import { describe } from 'vitest';

function missing(command: string): boolean {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).error !== undefined;
}

const required = process.env.PLUSMINUS_REQUIRE_VERILATOR === '1';

/** `describe` for tests that run the RTL. */
export const describeWithVerilator = describe.skipIf(!required && missing('verilator'));

/** `describe` for tests that synthesise. */
export const describeWithYosys = describe.skipIf(!required && missing('yosys'));
