/**
 * How far an op's result may be from the reference for the same inputs, relative to the largest entry of the result.
 * Sums in f32 lie within 1e-5 of sums in float64.
 */
const usual = 1e-5;

/** Rounding an activation to int8 may go the other way where it lies between two integers: one step of 127. */
const roundingStep = 1 / 127;

/** Operands in f16 keep 11 bits. */
const halfOperands = 3e-3;

const byOp: Readonly<Record<string, number>> = {
  bitLinear: roundingStep,
  bitLinearBackward: roundingStep,
  ternaryLinear: roundingStep,
  ternaryLinearBackward: roundingStep,
  fakeQuantiseRows: roundingStep,
  rotaryTable: 1e-4, // angles of late positions are large, and f32 keeps 24 bits of them
  rotary: 1e-4,
  wkv: 2e-4, // exponentials of sums
  wkvBackward: 2e-4,
};

/** Ops whose products the tensor cores of a GPU compute from f16 operands. */
const productsInHalves = new Set(['linear', 'linearBackward', 'attention', 'attentionBackward']);

/** @param inHalves whether the engine's products take f16 operands */
export function toleranceOf(op: string, inHalves: boolean): number {
  const tolerance = byOp[op] ?? usual;
  return inHalves && productsInHalves.has(op) ? Math.max(tolerance, halfOperands) : tolerance;
}

/** The ops that have an entry. */
export const opsWithTolerance: readonly string[] = [...Object.keys(byOp), ...productsInHalves];
