import { defineConfig } from 'vitest/config';

/** Tests that start several processes each, over one host or two: npm run test:mpi. */
export const ranksTests = [
  'src/train/ranks.test.ts',
  'src/train/twoHosts.test.ts',
  'src/mpi/mpi.test.ts',
  'src/ranks/ranks.test.ts',
];

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'recipes/**/*.test.ts'],
    // These have commands of their own, such as npm run test:web; rtl/ has npm run test:rtl.
    exclude: ['test/web/**', 'test/package/**', 'test/torture/**', 'test/clients/**', ...ranksTests],
    // Each file starts its own worker threads; two files at a time keep two cores busy without thrashing.
    maxWorkers: 2,
    testTimeout: 60_000,
  },
});
