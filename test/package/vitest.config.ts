import { defineConfig } from 'vitest/config';

/** Tests of the packed tarballs, which npm installs into an empty project: npm run test:package. */
export default defineConfig({
  test: { include: ['test/package/*.test.ts'], testTimeout: 180_000, hookTimeout: 300_000 },
});
