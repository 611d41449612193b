/** Everything that runs on WebGPU: npm run test:webgpu. It fails where there is no adapter. */
import { defineConfig, mergeConfig } from 'vitest/config';
import base from '../../vitest.config.ts';

export default mergeConfig(
  base,
  defineConfig({
    test: {
      testNamePattern: /webgpu/i,
      env: { PLUSMINUS_REQUIRE_WEBGPU: '1' },
      testTimeout: 120_000, // drivers in software compile for long
    },
  }),
);
