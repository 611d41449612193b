import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['rtl/*.test.ts'],
    maxWorkers: 2, // each compiles with two cores, then runs on one
    testTimeout: 300_000,
  },
});
