import { expect, it } from 'vitest';
import { describeWithNextpnr } from './bench/tools.ts';
import { place, placerSeeds } from './synthesis/ecp5.ts';

describeWithNextpnr('the accelerator with its memory on the chip', () => {
  it('is placed and routed on an ECP5-85F at 50 MHz or more', { timeout: 3_600_000 }, async () => {
    const { clockMHz } = await place(placerSeeds[0]!);
    expect(clockMHz).toBeGreaterThanOrEqual(50);
  });
});
