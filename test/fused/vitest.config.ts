/**
 * The CPU engine's kernels as V8 compiles them when it fuses vectors, all with its optimising compiler, which is the one
 * that does: npm run test:fused. It fails where V8 was not told to.
 */
import { defineConfig } from 'vitest/config';
import { fusingFlag } from '../../src/platform/fusing.ts';

export default defineConfig({
  test: {
    include: ['src/ops/**/*.test.ts', 'src/engine/cpu/*.test.ts', 'test/golden.test.ts'],
    testNamePattern: /\bcpu\b/,
    env: { PLUSMINUS_REQUIRE_FUSED: '1' },
    execArgv: [fusingFlag, '--no-liftoff'],
    maxWorkers: 2,
    testTimeout: 60_000,
  },
});
