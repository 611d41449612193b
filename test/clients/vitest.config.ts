import { defineConfig } from 'vitest/config';

/** Clients that people use, against `plusminus serve`: npm run test:clients. */
export default defineConfig({
  test: {
    include: ['test/clients/*.test.ts'],
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 60_000,
  },
});
