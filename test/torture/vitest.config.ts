import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/torture/*.test.ts'],
    fileParallelism: false,
    testTimeout: 2 * 3_600_000, // the budget ends it
  },
});
