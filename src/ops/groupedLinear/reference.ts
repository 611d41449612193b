import type { Data } from '../../program/op.ts';
import { roundHalfEven } from '../../rounding.ts';
import { element } from '../element.ts';

/** Inputs whose activations are rounded with one step. */
export const blockSize = 32;
/** The largest code of an activation, and the largest number of units in a step. */
const [largestCode, maxUnits] = [127, 4095];
/** The largest activation of a token, in units. */
export const unitParts = largestCode * maxUnits;
/** What is taken for the largest activation of a token of zeros. */
export const smallest = 1e-30;

/** Activations as int8: x ≈ unit·units[block]·q. */
export interface RoundedRows {
  /** −127 … 127 [rows, width] */
  readonly q: Float64Array;
  /** 1 … 4,095 [rows, blocks] */
  readonly units: Float64Array;
  /** [rows] */
  readonly unit: Float64Array;
}

/**
 * Token by token: u = max(max|x|, 1e-30) / (127 · 4,095); in each block b of 32 inputs, the step is so many units,
 * m = min(⌊max|x_b| / (127·u)⌋ + 1, 4,095), and q = round(x / (m·u)).
 */
export function roundRowsReference(x: Data, width: number): RoundedRows {
  const rows = x.length / width;
  const blocks = Math.ceil(width / blockSize);
  const rounded = {
    q: new Float64Array(x.length),
    units: new Float64Array(rows * blocks),
    unit: new Float64Array(rows),
  };
  for (let row = 0; row < rows; row++) {
    const one = x.subarray(row * width, (row + 1) * width);
    const unit = Math.max(largestOf(one), smallest) / unitParts;
    rounded.unit[row] = unit;
    for (let b = 0; b < blocks; b++) {
      const block = one.subarray(b * blockSize, (b + 1) * blockSize);
      const units = Math.min(Math.floor(largestOf(block) / (largestCode * unit)) + 1, maxUnits);
      rounded.units[row * blocks + b] = units;
      for (let c = 0; c < block.length; c++) {
        rounded.q[row * width + b * blockSize + c] = roundHalfEven(element(block, c) / (units * unit));
      }
    }
  }
  return rounded;
}

function largestOf(values: Data): number {
  let largest = 0;
  for (const value of values) largest = Math.max(largest, Math.abs(value));
  return largest;
}

export interface GroupedCodes {
  /** [out, width] */
  readonly codes: ArrayLike<number>;
  /** [out, groups] */
  readonly scales: ArrayLike<number>;
  /** [out, groups] */
  readonly offsets: ArrayLike<number> | undefined;
  readonly groups: number;
  readonly bias: ArrayLike<number> | undefined;
}

/** y_o = u · Σ_g Σ_{c in g} m_c · q_c · (s_og · w_oc + offset_og) + bias_o: integers within a group, floats over groups. */
export function groupedLinearReference(x: Data, matrix: GroupedCodes, width: number, y: Data): void {
  const { q, units, unit } = roundRowsReference(x, width);
  const { codes, scales, offsets, groups, bias } = matrix;
  const [out, group, blocks] = [codes.length / width, width / groups, Math.ceil(width / blockSize)];
  for (let row = 0; row < unit.length; row++) {
    for (let o = 0; o < out; o++) {
      let sum = 0;
      for (let g = 0; g < groups; g++) {
        let [whole, all] = [0, 0];
        for (let c = g * group; c < (g + 1) * group; c++) {
          const m = element(units, row * blocks + Math.floor(c / blockSize));
          const value = m * element(q, row * width + c);
          whole += value * codes[o * width + c]!;
          all += value;
        }
        sum += whole * scales[o * groups + g]! + all * (offsets?.[o * groups + g] ?? 0);
      }
      y[row * out + o] = element(unit, row) * sum + (bias?.[o] ?? 0);
    }
  }
}
