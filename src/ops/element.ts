/** An element that must be there: references read out of range with an error, not with NaN. */
export function element(data: ArrayLike<number>, index: number): number {
  const value = data[index];
  if (value === undefined) throw new RangeError(`index ${index}: expected one below ${data.length}`);
  return value;
}
