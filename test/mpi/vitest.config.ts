import { defineConfig } from 'vitest/config';
import { ranksTests } from '../../vitest.config.ts';

export default defineConfig({
  test: {
    include: ranksTests,
    fileParallelism: false, // each starts processes for all ranks
    testTimeout: 60_000,
  },
});
