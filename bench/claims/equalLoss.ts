/** Operations that two families need for the same loss, by interpolation between the sizes that were trained. */

export interface ScalingRow {
  readonly family: string;
  readonly parameters: number;
  readonly flops: number;
  readonly outcome: { readonly loss?: number };
}

interface Point {
  readonly flops: number;
  readonly loss: number;
}

/**
 * For each size of `one`, from small to large, its operations over those that `other` needs for the same loss, along
 * straight lines in logarithms between neighbouring sizes of `other`. Losses that no two sizes of `other` lie around are
 * left out.
 */
export function equalLoss(rows: readonly ScalingRow[], one: string, other: string): number[] {
  const beside = bestPoints(rows, other);
  return bestPoints(rows, one).flatMap(({ flops, loss }) => {
    const operations = operationsFor(beside, loss);
    return operations === undefined ? [] : [flops / operations];
  });
}

/** The best run of each size. */
function bestPoints(rows: readonly ScalingRow[], family: string): Point[] {
  const bySize = Map.groupBy(
    rows.filter((row) => row.family === family && row.outcome.loss !== undefined),
    ({ parameters }) => parameters,
  );
  return [...bySize.values()]
    .map((runs) => runs.map(({ flops, outcome }) => ({ flops, loss: outcome.loss! })))
    .map((points) => points.reduce((best, point) => (point.loss < best.loss ? point : best)))
    .sort((a, b) => a.flops - b.flops);
}

function operationsFor(points: readonly Point[], loss: number): number | undefined {
  const end = points.findIndex((point) => point.loss <= loss);
  const [left, right] = [points[end - 1], points[end]];
  if (!left || !right) return undefined;
  const share = Math.log(loss / left.loss) / Math.log(right.loss / left.loss);
  return left.flops * (right.flops / left.flops) ** share;
}
