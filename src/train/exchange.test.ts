/** Whatever order reads arrive in, all ranks must call collective operations in one order. */
import { expect, it } from 'vitest';
import type { Engine } from '../engine/engine.ts';
import type { ParameterSpec } from '../model/parameters.ts';
import { alone, type Group } from '../mpi/group.ts';
import { layOut } from './buckets.ts';
import { Exchange } from './exchange.ts';

/** Memory like a GPU's, from which large tensors arrive late; only what the exchange calls. */
function slowEngine(sizes: readonly number[]): Engine {
  const delay = (bytes: number) => 30 * (sizes.length - sizes.indexOf(bytes / 4));
  const engine = {
    read: (_: unknown, target: Uint8Array) =>
      new Promise((resolve) => setTimeout(() => resolve(target), delay(target.length))),
    write: () => {},
  };
  return engine as unknown as Engine;
}

const buckets = layOut(
  [3000, 2000, 1000].map(
    (size, i): ParameterSpec => ({ name: `w${i}`, shape: [size], role: 'vector', init: { constant: 1 } }),
  ),
  2,
  100,
);
const sizes = buckets.map(({ size }) => size);

it.each<[string, (exchange: Exchange) => void | Promise<void>]>([
  ['sums', (exchange) => buckets.forEach((bucket) => exchange.start(bucket))],
  ['weights', (exchange) => exchange.spread(buckets)],
])('exchanges %s bucket by bucket, though later ones are read first', async (_, begin) => {
  const called: number[] = [];
  const note = async (numbers: { length: number }) => void called.push(numbers.length);
  const group: Group = { ...alone, size: 2, reduce: note, gatherParts: note };
  const exchange = new Exchange(slowEngine(sizes), group, { ordered: false, partsOnly: false });
  await Promise.all([begin(exchange), exchange.finish()]);
  expect(new Set(sizes).size).toBe(3);
  expect(called).toEqual(sizes);
});
