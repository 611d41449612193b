/** Without a card: what the driver is handed at each start, read back from where its arguments point. */
import { expect, it } from 'vitest';
import type { DriverLibrary } from './driver.ts';
import { loadKoffi } from './library.ts';
import { starter } from './starter.ts';

const koffi = await loadKoffi();

function wordsAt(address: bigint, count: number): bigint[] {
  return [...new BigUint64Array(koffi.view(address, 8 * count))];
}

it('a kernel finds its arguments, however often it is started', () => {
  const lengths = [1, 3, 1];
  const started: unknown[] = [];
  const driver = {
    statusHolding(_held: unknown, name: string, config: DataView, kernel: bigint, places: BigUint64Array) {
      const words = lengths.map((length, n) => wordsAt(places[n]!, length));
      started.push({
        name,
        kernel,
        words,
        grid: config.getUint32(0, true),
        stream: config.getBigUint64(32, true),
      });
      return 0;
    },
    check: (_name: string, status: number) => expect(status).toBe(0),
  } as unknown as DriverLibrary;
  const words = [[7n], [1n, 2n, 2n ** 47n], [0n]];
  const start = starter({ koffi, driver, stream: { handle: 5n } }, 9n, words, { grid: [3, 1, 1], block: 32 });
  start();
  start();
  const expected = { name: 'cuLaunchKernelEx', kernel: 9n, words, grid: 3, stream: 5n };
  expect(started).toEqual([expected, expected]);
});

it('a kernel without arguments gets none', () => {
  const places: unknown[] = [];
  const driver = {
    statusHolding: (...all: unknown[]) => {
      places.push(all[4]);
      return 0;
    },
    check: () => {},
  } as unknown as DriverLibrary;
  starter({ koffi, driver, stream: { handle: 5n } }, 9n, [], { grid: [1, 1, 1], block: 32 })();
  expect(places).toEqual([null]);
});
