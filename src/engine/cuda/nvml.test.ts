/** What the management library is asked for, by a null device that knows one card. */
import { expect, it } from 'vitest';
import type { DriverLibrary } from './driver.ts';
import { energyCounter, type NvmlLibrary } from './nvml.ts';

const uuid = Uint8Array.from({ length: 16 }, (_, i) => 16 * i + 15 - i);
const driver = { call: (_: string, bytes: Uint8Array) => bytes.set(uuid) } as unknown as DriverLibrary;

/** A library whose card, found by its name, has a counter, unless a call fails. */
function library(millijoules: readonly bigint[], failing?: string): NvmlLibrary {
  let reads = 0;
  const status = (name: string, ...args: unknown[]): number => {
    if (name === failing) return 3;
    if (name === 'nvmlDeviceGetHandleByUUID') {
      if (args[0] !== 'GPU-0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0') return 6;
      (args[1] as BigUint64Array)[0] = 77n;
    }
    if (name === 'nvmlDeviceGetTotalEnergyConsumption') {
      if (args[0] !== 77n) return 2;
      (args[1] as BigUint64Array)[0] = millijoules[reads++]!;
    }
    return 0;
  };
  return { status, check: () => {} } as unknown as NvmlLibrary;
}

it("reads the card's counter in joules", () => {
  const read = energyCounter(library([1n, 4500n, 7_250_000n]), driver, 0)!;
  expect([read(), read()]).toEqual([4.5, 7250]);
});

it.each(['nvmlInit_v2', 'nvmlDeviceGetHandleByUUID', 'nvmlDeviceGetTotalEnergyConsumption'])(
  'is absent where %s fails',
  (failing) => {
    expect(energyCounter(library([1n], failing), driver, 0)).toBeUndefined();
  },
);
