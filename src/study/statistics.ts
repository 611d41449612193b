/** Means over seeds, with intervals that say how little a few runs can tell. */

export interface Estimate {
  readonly mean: number;
  /** Half of the interval that holds the mean with 95 % confidence (Student's t); absent for a single value. */
  readonly halfWidth?: number;
  readonly count: number;
}

/** Student's t, two-sided 95 %, by degrees of freedom from 1 on. */
const quantiles = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];
const normalQuantile = 1.96;

/** @param values at least one */
export function estimateOf(values: readonly number[]): Estimate {
  const count = values.length;
  if (count === 0) throw new RangeError('estimate: found no values, expected at least one');
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  if (count === 1) return { mean, count };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const quantile = quantiles[count - 2] ?? normalQuantile;
  return { mean, halfWidth: quantile * Math.sqrt(squares / (count - 1) / count), count };
}

/** As "3.412 ± 0.004". */
export function formatEstimate({ mean, halfWidth }: Estimate, digits: number): string {
  return halfWidth === undefined
    ? mean.toFixed(digits)
    : `${mean.toFixed(digits)} ± ${halfWidth.toFixed(digits)}`;
}
