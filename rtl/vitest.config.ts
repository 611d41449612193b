import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['rtl/*.test.ts'],
    fileParallelism: false, // they share one build of the bench
    testTimeout: 300_000,
  },
});
