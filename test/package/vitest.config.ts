import { defineConfig } from 'vitest/config';

/** Tests of the packed tarballs, which npm installs into empty projects: npm run test:package. */
export default defineConfig({
  test: {
    include: ['test/package/*.test.ts'],
    globalSetup: 'test/package/pack.ts',
    testTimeout: 180_000,
    hookTimeout: 300_000,
    fileParallelism: false, // installing is heavy enough alone
  },
});
