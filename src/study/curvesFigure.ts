/** Lines of loss against something that grows: tokens, positions. */
import * as Plot from '@observablehq/plot';
import { renderFigure } from '../figures/svg.ts';
import { formatCount } from '../format.ts';

export interface Curve {
  readonly label: string;
  readonly color: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Drawn instead of straight lines between the points. */
  readonly line?: readonly (readonly [x: number, y: number])[];
}

export interface CurveAxes {
  readonly x?: string;
  readonly y?: string;
  /** Whether x is drawn by its logarithm. */
  readonly logarithmic?: boolean;
  /** Where x has marks, if not at round numbers. */
  readonly ticks?: readonly number[];
}

export function curvesFigure(
  title: string,
  curves: readonly Curve[],
  { x = 'tokens', y = 'loss on text kept out (nats a token)', logarithmic = false, ticks }: CurveAxes = {},
): string {
  const drawn = curves.filter(({ points }) => points.length > 0);
  return renderFigure({
    title,
    legend: drawn.map(({ label, color }) => ({ label, color, strokeWidth: 2.5, dot: true })),
    verticalAxis: y,
    plot: {
      ...{ marginLeft: 56, marginRight: 40 },
      x: {
        label: x,
        labelAnchor: 'center',
        ...(logarithmic ? { type: 'log', base: 2 } : { tickFormat: 's' }),
        ...(ticks ? { ticks, tickFormat: (value: number) => formatCount(value) } : {}),
      },
      y: { label: null, grid: true, nice: true },
      marks: drawn.flatMap(({ color, points, line = points }) => [
        Plot.lineY(line, { x: '0', y: '1', stroke: color, strokeWidth: 2 }),
        Plot.dot(points, { x: '0', y: '1', fill: color, r: 3, stroke: 'white' }),
      ]),
    },
  });
}
