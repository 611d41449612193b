import { defineConfig } from 'vitest/config';
import { chosenMinutes } from './budget.ts';

const minutes = chosenMinutes();
const seed = process.env.TORTURE_SEED ?? String(Date.now() % 2 ** 31);
console.log(`torture: TORTURE_MINUTES=${minutes} TORTURE_SEED=${seed}`);

/** Minutes for work outside the budget: start-up, the injected faults, the last round of each loop. */
const overhead = 5;

export default defineConfig({
  test: {
    include: ['test/torture/*.test.ts'],
    fileParallelism: false,
    env: { TORTURE_SEED: seed }, // one for all files
    testTimeout: 60_000 * (minutes + overhead),
  },
});
