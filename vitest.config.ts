import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'recipes/**/*.test.ts'],
    exclude: ['test/web/**'], // npm run test:web; rtl/ has npm run test:rtl
    // Each file starts its own worker threads; two files at a time keep two cores busy without thrashing.
    maxWorkers: 2,
    testTimeout: 60_000,
  },
});
