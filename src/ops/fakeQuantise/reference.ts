import type { Data } from '../../program/op.ts';
import { quantiseWeightsReference } from '../bitLinear/reference.ts';
import { quantiseReference } from '../ternaryLinear/reference.ts';

/** ŷ = q/s: each row to int8 and back */
export function fakeQuantiseRowsReference(x: Data, width: number, y: Data): void {
  const { q, step } = quantiseReference(x, width);
  q.forEach((value, i) => {
    y[i] = value * step[Math.floor(i / width)]!;
  });
}

/** Ŵ = w·t: a matrix to ternary and back */
export function fakeQuantiseMatrixReference(weight: Data, y: Data): void {
  const { codes, scale } = quantiseWeightsReference(weight);
  codes.forEach((code, i) => {
    y[i] = code * scale;
  });
}

/** x̂ = c·t: each group of neighbours to ternary and back */
export function fakeQuantiseGroupsReference(x: Data, group: number, y: Data): void {
  for (let start = 0; start < x.length; start += group) {
    fakeQuantiseMatrixReference(x.subarray(start, start + group), y.subarray(start, start + group));
  }
}
