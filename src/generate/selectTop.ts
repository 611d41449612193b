/**
 * Moves the heaviest ids to the front, as few as have the sum `target`, in expected linear time (quickselect).
 *
 * With amounts of 1 the target is a count (top-k), with the weights themselves a share of the total (top-p). Among equal
 * weights the smaller id comes first, so the result does not depend on the order of `ids`.
 * @param amount contribution of an id to the target, ≥ 0
 * @returns number of ids at the front that are selected: at least 1, at most all; their order is not specified
 */
export function selectTop(
  ids: Uint32Array,
  weights: Float32Array | Float64Array,
  target: number,
  amount: (id: number) => number,
): number {
  let from = 0; // ids before `from` are selected, those from `to` on are not
  let to = ids.length;
  let missing = target;
  while (to - from > 1) {
    const middle = partition(ids, weights, from, to);
    let sum = 0;
    for (let i = from; i < middle; i++) sum += amount(ids[i]!);
    if (sum >= missing) to = middle;
    else {
      missing -= sum;
      from = middle;
    }
  }
  return to;
}

/** Splits ids[from, to), at least two, into heavier and lighter, neither empty; returns where the lighter begin. */
function partition(ids: Uint32Array, weights: Float32Array | Float64Array, from: number, to: number): number {
  const pivot = medianOfThree(ids, weights, from, to);
  const pivotWeight = weights[pivot]!;
  const precedes = (id: number) => weights[id]! > pivotWeight || (weights[id] === pivotWeight && id < pivot);
  let middle = from;
  let pivotAt = from;
  for (let i = from; i < to; i++) {
    const id = ids[i]!;
    if (id === pivot) pivotAt = i;
    if (!precedes(id)) continue;
    ids[i] = ids[middle]!;
    ids[middle] = id;
    if (ids[i] === pivot) pivotAt = i;
    middle++;
  }
  // The pivot is the first of the lighter part; otherwise that part could be as large as before.
  ids[pivotAt] = ids[middle]!;
  ids[middle] = pivot;
  return middle === from ? middle + 1 : middle;
}

function medianOfThree(
  ids: Uint32Array,
  weights: Float32Array | Float64Array,
  from: number,
  to: number,
): number {
  let a = ids[from]!;
  let b = ids[(from + to) >> 1]!;
  const c = ids[to - 1]!;
  const heavier = (x: number, y: number) => weights[x]! > weights[y]! || (weights[x] === weights[y] && x < y);
  if (heavier(b, a)) [a, b] = [b, a];
  if (heavier(c, a)) return a;
  return heavier(c, b) ? c : b;
}
