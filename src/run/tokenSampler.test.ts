import { afterEach, expect, it, vi } from 'vitest';
import { ReferenceEngine } from '../engine/reference/referenceEngine.ts';
import { batchesOf } from './tokenSampler.ts';
import { Turns } from './turns.ts';

class DrawsAhead extends ReferenceEngine {
  override readonly samplesAhead = 16;
}

afterEach(() => void vi.restoreAllMocks());

/** Lengths of the first batches on a device that takes so many milliseconds a token. */
async function lengths(perToken: number): Promise<number[]> {
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  const drawing = { random: () => 0.5, signal: undefined, limit: undefined };
  const found: number[] = [];
  const model = { engine: new DrawsAhead(), turns: new Turns() };
  const batches = batchesOf(model, drawing, async ({ length }) => {
    now += perToken * length;
    return new Int32Array(length);
  });
  for await (const { length } of batches) if (found.push(length) === 7) break;
  return found;
}

// A fast device is asked for many tokens at a time, because each wait of the host costs as much as a few; a slow one for few,
// because whoever reads sees them at once.
it('draws as many tokens at a time as come in a twentieth of a second', async () => {
  expect(await lengths(1)).toEqual([1, 2, 4, 8, 16, 16, 16]);
  expect(await lengths(8)).toEqual([1, 2, 4, 6, 6, 6, 6]);
  expect(await lengths(200)).toEqual([1, 1, 1, 1, 1, 1, 1]);
});
