/** Published energies of operations and memory on a chip, in picojoules, by process node. */

export interface EnergyTable {
  readonly node: string;
  readonly source: string;
  /** Picojoules of one operation. */
  readonly int32Add: number;
  readonly fp32Add: number;
  readonly fp32Multiply: number;
  readonly fp16Multiply: number;
  readonly bf16Multiply: number;
  readonly int8Multiply: number;
  /** Picojoules of a byte from the memory that holds a model's weights, and which memory that is. */
  readonly memoryByte: number;
  readonly memory: string;
}

/**
 * Both papers give memory by access of 64 bits, and as a range; the lower end is taken, which favours models that
 * read much.
 *
 * How far these are checked: those of 45 nm agree with other publications that quote Horowitz's figure. Of those of
 * 7 nm, which update the same figure, the paper itself was not at hand: the 32-bit multiplication is confirmed by
 * Sadi et al. (2024), Novel adaptive quantization methodology for 8-bit floating-point DNN training; the others are
 * not.
 */
export const energyTables: readonly EnergyTable[] = [
  {
    node: '45 nm',
    source:
      "M. Horowitz (2014), Computing's energy problem (and what we can do about it), ISSCC, " +
      'https://doi.org/10.1109/ISSCC.2014.6757323, figure 1.1.9',
    ...{ int32Add: 0.1, fp32Add: 0.9, fp32Multiply: 3.7, fp16Multiply: 1.1 },
    // The figure has no bf16.
    ...{ bf16Multiply: 1.1, int8Multiply: 0.2 },
    memoryByte: 1300 / 8,
    memory: 'DRAM, 1.3 to 2.6 nJ an access',
  },
  {
    node: '7 nm',
    source:
      "N. Jouppi et al. (2021), Ten lessons from three generations shaped Google's TPUv4i, ISCA, " +
      'https://doi.org/10.1109/ISCA52012.2021.00010, table 2',
    ...{ int32Add: 0.03, fp32Add: 0.38, fp32Multiply: 1.31, fp16Multiply: 0.34 },
    ...{ bf16Multiply: 0.21, int8Multiply: 0.07 },
    memoryByte: 250 / 8,
    memory: 'HBM2, 250 to 450 pJ an access',
  },
];

/** Grams of CO₂ for a kilowatt-hour: the world's mean of 2023, all greenhouse gases over a plant's life as CO₂. */
export const carbonIntensity = {
  gramsPerKilowattHour: 480,
  source:
    'Ember (2024), Global Electricity Review 2024, https://ember-energy.org/latest-insights/global-electricity-review-2024/',
} as const;

/** Operations of a program, by what an arithmetic unit has to do for them. */
export interface Work {
  /** Additions of int8 activations into int32 sums: products with ternary weights. */
  readonly integerAdditions: number;
  readonly floatAdditions: number;
  /** Element-wise. */
  readonly floatMultiplications: number;
  /** In products of floats, of 16 bits if not said otherwise; each comes with an addition, counted above. */
  readonly productMultiplications: number;
  /** In products of other numbers, likewise. Absent: none. */
  readonly bf16Multiplications?: number;
  readonly int8Multiplications?: number;
  /** Divisions, roots, exponentials. */
  readonly special: number;
  readonly bytes: number;
}

export interface Energy {
  /** Joules. */
  readonly arithmetic: number;
  readonly memory: number;
}

/**
 * Joules of work. Products of floats multiply 16-bit numbers and add in 32 bits. For divisions, roots and
 * exponentials neither source has a figure: each is taken as one 32-bit multiplication, which is too little, but
 * there are so few that ten times as much would not show.
 */
export function energyOf(work: Work, table: EnergyTable): Energy {
  const picojoules =
    work.integerAdditions * table.int32Add +
    work.floatAdditions * table.fp32Add +
    (work.floatMultiplications + work.special) * table.fp32Multiply +
    work.productMultiplications * table.fp16Multiply +
    (work.bf16Multiplications ?? 0) * table.bf16Multiply +
    (work.int8Multiplications ?? 0) * table.int8Multiply;
  return { arithmetic: picojoules * 1e-12, memory: work.bytes * table.memoryByte * 1e-12 };
}

/** Grams of CO₂ for a number of joules. */
export function carbonOf(joules: number): number {
  return (joules / 3.6e6) * carbonIntensity.gramsPerKilowattHour;
}
