import { defineConfig } from 'vitest/config';

/** The browser tests: they need Chromium (apt-get install chromium, or CHROMIUM=path). */
export default defineConfig({
  test: {
    include: ['test/web/*.test.ts'],
    globalSetup: ['test/web/setup.ts'],
    maxWorkers: 1,
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 60_000 } },
  },
});
