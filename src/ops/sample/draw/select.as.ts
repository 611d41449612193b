// Selects the heaviest of a list as selectTop.ts does, step by step, so that sums of weights have the same bits.

// @ts-ignore: decorator
@inline
export function weightAt(weights: usize, index: i32): f64 {
  return load<f64>(weights + ((<usize>index) << 3));
}

// @ts-ignore: decorator
@inline
export function intAt(list: usize, index: i32): i32 {
  return load<i32>(list + ((<usize>index) << 2));
}

// @ts-ignore: decorator
@inline
export function setInt(list: usize, index: i32, value: i32): void {
  store<i32>(list + ((<usize>index) << 2), value);
}

/** Whether `a` comes before `b`: heavier, or as heavy and earlier. */
// @ts-ignore: decorator
@inline
export function precedes(weights: usize, a: i32, b: i32): bool {
  const x = weightAt(weights, a);
  const y = weightAt(weights, b);
  return x > y || (x == y && a < b);
}

/**
 * Moves to the front of `list`, which holds `count` indices of weights, as few of the heaviest as have the sum `target`:
 * of their weights, or of ones.
 * @returns how many
 */
export function selectTop(list: usize, count: i32, weights: usize, target: f64, countsOnes: bool): i32 {
  let from = 0; // those before `from` are selected, those from `to` on are not
  let to = count;
  let missing = target;
  while (to - from > 1) {
    const middle = partition(list, weights, from, to);
    let sum: f64 = 0;
    if (countsOnes) sum = <f64>(middle - from);
    else for (let i = from; i < middle; i++) sum += weightAt(weights, intAt(list, i));
    if (sum >= missing) to = middle;
    else {
      missing -= sum;
      from = middle;
    }
  }
  return to;
}

/** The last of the selected ones. */
export function lastOf(list: usize, count: i32, weights: usize): i32 {
  let last = intAt(list, 0);
  for (let i = 1; i < count; i++) {
    const one = intAt(list, i);
    if (precedes(weights, last, one)) last = one;
  }
  return last;
}

/** Splits list[from, to), at least two, into heavier and lighter, neither empty; returns where the lighter begin. */
function partition(list: usize, weights: usize, from: i32, to: i32): i32 {
  const pivot = medianOfThree(list, weights, from, to);
  let middle = from;
  let pivotAt = from;
  for (let i = from; i < to; i++) {
    const one = intAt(list, i);
    if (one == pivot) pivotAt = i;
    if (!precedes(weights, one, pivot)) continue;
    const moved = intAt(list, middle);
    setInt(list, i, moved);
    setInt(list, middle, one);
    if (moved == pivot) pivotAt = i;
    middle++;
  }
  setInt(list, pivotAt, intAt(list, middle));
  setInt(list, middle, pivot);
  return middle == from ? middle + 1 : middle;
}

function medianOfThree(list: usize, weights: usize, from: i32, to: i32): i32 {
  let a = intAt(list, from);
  let b = intAt(list, (from + to) >> 1);
  const c = intAt(list, to - 1);
  if (precedes(weights, b, a)) {
    const first = a;
    a = b;
    b = first;
  }
  if (precedes(weights, c, a)) return a;
  return precedes(weights, c, b) ? c : b;
}
