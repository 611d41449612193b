/** Where the cycles of a run went. */

/** Why an instruction did not issue in a cycle in which nothing did. */
export const stallCauses = [
  'start and jumps',
  'load/store busy',
  'row-wise busy',
  'scalar unit busy',
  'ternary unit busy',
  'vector register',
  'activation bank',
  'scalar register',
  'weight streamer busy',
  'host',
  'waiting to halt',
] as const;
export type StallCause = (typeof stallCauses)[number];

/** Cycles of a ternary core, by its activity. */
export interface CoreCycles {
  /** Used a beat of weights. */
  busy: number;
  /** In a product, with no weights in its FIFO. */
  starved: number;
  /** In a product, with its results not yet collected. */
  blocked: number;
  /** In no product, or done with its part of one. */
  idle: number;
}

export interface Statistics {
  cycles: number;
  instructions: number;
  /** Cycles without an issue, by cause. */
  readonly stalls: Record<StallCause, number>;
  readonly cores: readonly CoreCycles[];
  /** Cycles in which each unit held an instruction. */
  readonly unitBusy: Record<'ls' | 'row' | 'scl' | 'tmv', number>;
  /** Beats that memory moved. */
  weightBeats: number;
  loadBeats: number;
  storeBeats: number;
}

export function emptyStatistics(cores: number): Statistics {
  return {
    cycles: 0,
    instructions: 0,
    stalls: Object.fromEntries(stallCauses.map((cause) => [cause, 0])) as Record<StallCause, number>,
    cores: Array.from({ length: cores }, () => ({ busy: 0, starved: 0, blocked: 0, idle: 0 })),
    unitBusy: { ls: 0, row: 0, scl: 0, tmv: 0 },
    ...{ weightBeats: 0, loadBeats: 0, storeBeats: 0 },
  };
}

/** Share of the time in which the cores used weights: of the peak of their ports. */
export function ternaryUse({ cycles, cores }: Statistics): number {
  return cores.reduce((sum, { busy }) => sum + busy, 0) / (cycles * cores.length);
}
