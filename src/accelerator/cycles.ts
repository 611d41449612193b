/** Latencies of the units, in cycles; docs/accelerator.md, "Time". */
import type { MachineSizes } from './parameters.ts';

/** The first cycle in which an instruction can issue. */
export const firstIssue = 2;
/** From a jump to the next instruction. */
export const jumpCycles = 3;
/** Of a row-wise instruction, beyond the passes over its words. */
const rowPipeline = 12;
export const scalarCycles = 4;
/** `srcp` and `srsq`. */
export const iterationCycles = 20;
/** From the last beat of a block to the cycle in which its result can be collected. */
export const blockCycles = 7;
/** From the last block's collection to the end of a product. */
export const collectPipeline = 4;
/** Beats of 16-bit elements that load/store may have requested and not yet taken. */
export const waitingBeats = 32;
/** From the cycle in which the last beat is taken to the end of a load. */
export const loadPipeline = 3;
/** From issue to the first request of a store, and from its last grant to its end. */
export const storeStart = 3;
export const storePipeline = 2;

/** From issue to done of a row-wise instruction on `length` elements. */
export function rowCycles(
  length: number,
  { lanes, rowLanes }: Pick<MachineSizes, 'lanes' | 'rowLanes'>,
): number {
  return Math.ceil(length / lanes) * (lanes / rowLanes) + rowPipeline;
}
