/** Places labels at the ends of curves. */

/** Of a figure's height. */
const labelHeight = 0.05;

/** Returns positions for labels at these values: at least `gap` apart, each as near to its value as possible. */
export function apart(values: readonly number[], gap: number): number[] {
  const places = [...values];
  const ascending = values.map((_, k) => k).sort((a, b) => values[a]! - values[b]!);
  ascending.forEach((k, rank) => {
    if (rank > 0) places[k] = Math.max(places[k]!, places[ascending[rank - 1]!]! + gap);
  });
  return places;
}

/** Places for the labels of curves that end at `ends`, in a figure that shows all of `shown`. */
export function labelPlaces(ends: readonly number[], shown: readonly number[]): number[] {
  return apart(ends, labelHeight * (Math.max(...shown) - Math.min(...shown)));
}
