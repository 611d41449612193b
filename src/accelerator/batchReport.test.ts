import { expect, it } from 'vitest';
import { batchRow } from './batchReport.ts';

const memory = { channels: 4, clockMHz: 200, mode: 'decode' } as const;

it('decodes 1.3B for 16 users at 2,500 tokens/s from four channels of DDR4-2400', () => {
  const row = batchRow({ ...memory, model: '1.3B', batch: 16, cores: 6 });
  expect(row.tokensPerSecond).toBeGreaterThan(2500);
});

it('decodes 370M for 24 users faster than 1,943 tokens/s, at 60 MHz too', () => {
  const row = batchRow({ ...memory, clockMHz: 60, model: '370M', batch: 24, cores: 4 });
  expect(row.tokensPerSecond).toBeGreaterThan(1943);
});

it('reads a prompt of 128 tokens of 1.3B in half a second through one port of 512 bits', () => {
  const row = batchRow({ ...memory, mode: 'prefill', channels: 1, model: '1.3B', batch: 16, cores: 1 });
  expect((row.stepMilliseconds * 128) / 16).toBeLessThan(500);
});
