/** What runs of the same cell differ by: seeds, and learning rates that miss the best. */
import { estimateOf } from '../statistics.ts';
import type { GridRow } from './grid.ts';

export interface Noise {
  /** Standard deviation of the logarithm of the loss over groups that differ by seed alone. */
  readonly seeds: number | undefined;
  /**
   * Root mean square of how far the loss at the rule's rate lies above the best one of the search, in logarithms: what a
   * size without a search of its own may lose.
   */
  readonly rates: number | undefined;
}

export function noiseOf(rows: readonly GridRow[]): Noise {
  const trained = rows.filter(({ outcome }) => outcome.loss !== undefined);
  return { seeds: ofSeeds(trained), rates: ofRates(trained) };
}

/** Both together. */
export function deviationOf({ seeds = 0, rates = 0 }: Noise): number {
  return Math.hypot(seeds, rates);
}

function ofSeeds(rows: readonly GridRow[]): number | undefined {
  const groups = Map.groupBy(rows, ({ family, parameters, outcome, learningRate }) =>
    [family, parameters, outcome.tokens, learningRate].join(' '),
  );
  let [squares, freedom] = [0, 0];
  for (const group of groups.values()) {
    const losses = [...new Map(group.map((row) => [row.seed, Math.log(row.outcome.loss!)])).values()];
    if (losses.length < 2) continue;
    const { mean } = estimateOf(losses);
    squares += losses.reduce((sum, loss) => sum + (loss - mean) ** 2, 0);
    freedom += losses.length - 1;
  }
  return freedom > 0 ? Math.sqrt(squares / freedom) : undefined;
}

function ofRates(rows: readonly GridRow[]): number | undefined {
  const cells = Map.groupBy(rows, ({ family, parameters, outcome, seed }) =>
    [family, parameters, outcome.tokens, seed].join(' '),
  );
  const squares = [...cells.values()].flatMap((cell) => {
    const lossOf = (searched: boolean) =>
      Math.min(...cell.filter(({ search }) => search === searched).map(({ outcome }) => outcome.loss!));
    const [found, ruled] = [lossOf(true), lossOf(false)];
    return Number.isFinite(found) && Number.isFinite(ruled)
      ? [Math.max(0, Math.log(ruled / found)) ** 2]
      : [];
  });
  return squares.length > 0 ? Math.sqrt(estimateOf(squares).mean) : undefined;
}
