/** Everything that runs on engines, on an NVIDIA GPU: npm run test:cuda. The record of a run goes to results/. */
import { defineConfig } from 'vitest/config';
import { CudaRecord } from './record.ts';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/*.test.ts'],
    testNamePattern: /\bcuda\b/,
    env: { PLUSMINUS_REQUIRE_CUDA: '1' },
    reporters: ['default', new CudaRecord()],
    testTimeout: 120_000,
  },
});
