/** Draws a sample of a task's items by seed, stratified by source. */
import { SeededRandom } from '../text/seededRandom.ts';
import type { Item } from './task.ts';

/**
 * Draws `count` items without replacement, in their original order; all of them if there are no more.
 *
 * Datasets are often sorted by source (the first 3,243 rows of HellaSwag come from ActivityNet, the others from
 * WikiHow), so the first rows would stand for one source only. Each source contributes its share, to within one
 * item, and the items drawn for a smaller count are among those for a larger one.
 */
export function drawItems(items: readonly Item[], count: number, seed: number): readonly Item[] {
  if (items.length <= count) return items;
  const random = new SeededRandom(seed);
  const bySource = Map.groupBy(items, ({ source }) => source);
  const ranked = [...bySource.values()].flatMap((members) => {
    const offset = random.uniform();
    // Item k of a shuffled source stands at its fraction of the source: any prefix of all fractions is stratified.
    return shuffled(members, random).map((item, k) => ({ item, fraction: (k + offset) / members.length }));
  });
  const drawn = ranked.sort((a, b) => a.fraction - b.fraction).slice(0, count);
  const chosen = new Set(drawn.map(({ item }) => item));
  return items.filter((item) => chosen.has(item));
}

function shuffled<T>(values: readonly T[], random: SeededRandom): T[] {
  const result = [...values];
  for (let k = result.length - 1; k > 0; k--) {
    const other = random.integer(k + 1);
    [result[k], result[other]] = [result[other]!, result[k]!];
  }
  return result;
}
