/** The contents of the accelerator's two read-only tables, which the simulator and the RTL share. */

/** log2 of the steps of the sigmoid table within 1: a step is 1/32. */
const sigmoidSteps = 32;
/** Steps from 0 to 16; beyond, σ is 1 to 16 bits. */
const sigmoidEntries = 512;

const sigmoidAt = (i: number) => Math.round(65536 / (1 + Math.exp(-i / sigmoidSteps)));

/** T[i] = σ(i / 32) with 16 fraction bits. */
export const sigmoidValues = Int32Array.from({ length: sigmoidEntries }, (_, i) => sigmoidAt(i));

/** D[i] = T[i + 1] − T[i], for interpolation. */
export const sigmoidSlopes = Int32Array.from(
  { length: sigmoidEntries },
  (_, i) => sigmoidAt(i + 1) - sigmoidAt(i),
);

/** R[j] = 1/√((j + 16.5) / 64) with 22 fraction bits: where Newton's iteration begins. */
export const rsqrtSeeds = Int32Array.from({ length: 48 }, (_, j) =>
  Math.round(2 ** 22 / Math.sqrt((j + 16.5) / 64)),
);
