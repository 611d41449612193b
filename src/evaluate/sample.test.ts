import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { drawItems } from './sample.ts';
import type { Item } from './task.ts';

const itemsOf = (sources: readonly (string | undefined)[]): Item[] =>
  sources.map((source, k) => ({
    where: `row ${k + 1}`,
    requests: [],
    ...(source === undefined ? {} : { source }),
  }));

/** Sorted by source, as published data sets are. */
const counts = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 5 });
const sorted = (sizes: readonly number[]) =>
  itemsOf(sizes.flatMap((size, k) => Array<string>(size).fill(`source ${k}`)));

test('each source contributes its share, to within one item, in the original order', async () => {
  await fc.assert(
    fc.property(counts, fc.nat(), fc.integer({ min: 1, max: 100 }), (sizes, seed, count) => {
      const items = sorted(sizes);
      const drawn = drawItems(items, count, seed);
      expect(drawn).toHaveLength(Math.min(count, items.length));
      const places = drawn.map((item) => items.indexOf(item));
      expect(places).toEqual([...new Set(places)].sort((a, b) => a - b));
      for (const [k, size] of sizes.entries()) {
        const found = drawn.filter(({ source }) => source === `source ${k}`).length;
        expect(Math.abs(found - (size * drawn.length) / items.length)).toBeLessThan(sizes.length);
      }
      expect(drawItems(items, count + 3, seed)).toEqual(expect.arrayContaining([...drawn]));
    }),
    { seed: 8 },
  );
});

test('a seed gives the same items, another seed others', () => {
  const items = sorted([3000, 7000]);
  expect(drawItems(items, 100, 1)).toEqual(drawItems(items, 100, 1));
  expect(drawItems(items, 100, 1)).not.toEqual(drawItems(items, 100, 2));
  const shares = drawItems(items, 100, 3).filter(({ source }) => source === 'source 0').length;
  expect(shares).toBeGreaterThanOrEqual(29);
  expect(shares).toBeLessThanOrEqual(31);
});

test('without sources every item is as likely as any other', () => {
  const items = itemsOf(Array(10).fill(undefined));
  const hits = new Map<Item, number>();
  for (let seed = 0; seed < 2000; seed++) {
    for (const item of drawItems(items, 3, seed)) hits.set(item, (hits.get(item) ?? 0) + 1);
  }
  // 600 expected, standard deviation 20.
  for (const item of items) expect(Math.abs(hits.get(item)! - 600)).toBeLessThan(100);
});
