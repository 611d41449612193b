/** Reads an element that must exist: references fail with an error on a wrong index, not with NaN. */
export function element(data: ArrayLike<number>, index: number): number {
  const value = data[index];
  if (value === undefined) throw new RangeError(`index ${index}: expected one below ${data.length}`);
  return value;
}
