/** Loss against the learning rate, a line for each variant. */
import * as Plot from '@observablehq/plot';
import { renderFigure } from '../../figures/svg.ts';
import type { AblationRow, Variant } from './ablation.ts';

export function ratesFigure(
  title: string,
  variants: readonly Variant[],
  rows: readonly AblationRow[],
): string {
  const rates = ratesOf(rows);
  const pointsOf = (name: string) =>
    rows
      .filter((row) => row.variant === name && row.outcome.loss !== undefined)
      .map(({ learningRate, outcome }) => ({ rate: learningRate, loss: outcome.loss! }))
      .sort((a, b) => a.rate - b.rate);
  return renderFigure({
    title,
    legend: variants.map(({ label, color }) => ({ label, color, strokeWidth: 2.5, dot: true })),
    verticalAxis: 'loss on text kept out (nats a token)',
    plot: {
      ...{ marginLeft: 56, marginRight: 40 },
      x: {
        ...{ type: 'point', domain: rates, padding: 0.1 },
        ...{ label: 'peak learning rate', labelAnchor: 'center' },
      },
      y: { label: null, grid: true, nice: true },
      marks: variants.flatMap(({ name, color }) => [
        Plot.lineY(pointsOf(name), { x: 'rate', y: 'loss', stroke: color, strokeWidth: 2.5 }),
        Plot.dot(pointsOf(name), { x: 'rate', y: 'loss', fill: color, r: 4.5, stroke: 'white' }),
      ]),
    },
  });
}

/** The learning rates that were tried, in ascending order. */
export function ratesOf(rows: readonly AblationRow[]): number[] {
  return [...new Set(rows.map(({ learningRate }) => learningRate))].sort((a, b) => a - b);
}
