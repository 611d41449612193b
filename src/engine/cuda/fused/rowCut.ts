/** How the threads of a kernel share rows. */
import type { LaunchShape } from '../../../kernels/cuda/launch.ts';
import { type RowSource, sourceWidth } from '../../fused/rowSource.ts';

/** How threads share a row, in vectors of four columns: each thread has `loads` of them. */
export interface RowCut {
  readonly fours: number;
  readonly threads: number;
  readonly loads: number;
  /** Rows of a block: several only if each is one warp's. */
  readonly rows: number;
}

/** Threads for a source's rows, each with about `each` vectors. */
export function cutOf(source: RowSource, each: number): RowCut {
  const fours = sourceWidth(source) / 4;
  const threads = Math.min(Math.max(32 * Math.ceil(fours / each / 32), 32), 768);
  return { fours, threads, loads: Math.ceil(fours / threads), rows: 1 };
}

/** Most vectors that a lane holds of a row that is one warp's. */
const maxWarpLoads = 2;

/** A warp for each row, which needs no barrier, if rows are short enough; else as `cutOf`. */
export function cutForWarps(source: RowSource, each: number): RowCut {
  const loads = Math.ceil(sourceWidth(source) / 4 / 32);
  return loads > maxWarpLoads
    ? cutOf(source, each)
    : { fours: sourceWidth(source) / 4, threads: 32, loads, rows: 4 };
}

/** Blocks of a processor that have room for `threads` threads in all, of which each then has registers enough. */
export function blocksWithin(threads: number, cut: RowCut): number {
  return Math.max(Math.floor(threads / (cut.threads * cut.rows)), 1);
}

/** A launch of at most `blocks` blocks over so many rows. */
export function overCut({ threads, rows }: RowCut, all: number, blocks: number): LaunchShape {
  return { grid: [Math.min(Math.max(Math.ceil(all / rows), 1), blocks), 1, 1], block: threads * rows };
}

/** `body` for each of a thread's vectors `k` that the row has; `at` is its place in the row. */
export function eachVector({ fours, threads, loads }: RowCut, body: string): string {
  const condition = fours % threads ? `if (at < ${fours}) ` : '';
  return `
    {
    #pragma unroll
    for (int k = 0; k < ${loads}; k++) {
      const unsigned at = lane + k * ${threads};
      ${condition}{ ${body} }
    }
    }`;
}
