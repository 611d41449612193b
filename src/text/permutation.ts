/** Shuffles without a list: a seeded permutation of 0 … size − 1 that is computed, not stored. */
import { mix32 } from './seededRandom.ts';

const ROUNDS = 6;

/**
 * @param size from 1 to 2^50
 * @param keys integers that choose the permutation, such as a seed and an epoch
 * @returns index → its image; both in [0, size)
 */
export function permutation(size: number, keys: readonly number[]): (index: number) => number {
  // A Feistel network permutes the pairs (high, low) of half-words below a power of 4; where it leaves the range,
  // it is applied again until it is back (less than 4 times on average).
  let bits = 1;
  while (2 ** (2 * bits) < size) bits++;
  const base = 2 ** bits;
  const roundKeys = Array.from({ length: ROUNDS }, (_, round) => foldKeys([...keys, round]));
  const once = (index: number) => {
    let high = Math.floor(index / base);
    let low = index % base;
    for (const key of roundKeys) [high, low] = [low, (high ^ mix32(low ^ key)) & (base - 1)];
    return high * base + low;
  };
  return (index) => {
    let image = once(index);
    while (image >= size) image = once(image);
    return image;
  };
}

function foldKeys(keys: readonly number[]): number {
  let folded = 0;
  for (const key of keys) {
    folded = mix32(folded ^ (key >>> 0));
    folded = mix32(folded + Math.floor(key / 2 ** 32) + 0x9e3779b9);
  }
  return folded;
}
