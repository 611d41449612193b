/** What results/rtl.json holds. */
import type { Resources, Target } from './targets.ts';

export interface UnitResources extends Resources {
  readonly target: string;
  readonly units: Target['units'];
  readonly module: string;
  /** Digest of what was synthesised. */
  readonly sources: string;
  /** As many as there are cores; else one. */
  readonly perCore: boolean;
}

/** A ternary core of fewer rows, placed and routed. */
export interface PlacedCore {
  readonly sources: string;
  readonly device: string;
  readonly rows: number;
  readonly logicCells: number;
  readonly logicCellsOfDevice: number;
  readonly memoryBlocks: number;
  /** Highest clock after routing. */
  readonly clockMHz: number;
  readonly tool: string;
}

export interface RtlReport {
  tool: string;
  /** With the parameters' defaults: one core, vectors of 8192 elements, FIFO of 256 beats. */
  readonly units: UnitResources[];
  reducedCore?: PlacedCore;
}
