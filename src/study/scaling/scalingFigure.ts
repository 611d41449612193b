/** Loss against operations, both in logarithms: points, lines, and how sure the lines are. */
import * as Plot from '@observablehq/plot';
import { renderFigure } from '../../figures/svg.ts';
import { bandAt, type Fit, type Point, predict } from './powerLaw.ts';

export interface Series {
  readonly label: string;
  readonly color: string;
  readonly points: readonly Point[];
  /** Absent while there are too few points. */
  readonly fit: Fit | undefined;
}

/** How far lines go on beyond the points, as a factor. */
const outlook = 10;

export function scalingFigure(title: string, series: readonly Series[], crossing?: number): string {
  const xs = series.flatMap(({ points }) => points.map(({ x }) => x));
  const [from, to] = [Math.min(...xs), Math.max(...xs)];
  const [left, right] = [from / 1.5, to * outlook];
  const grid = Array.from({ length: 61 }, (_, k) => left * (right / left) ** (k / 60));
  const fitted = series.flatMap(({ fit, color }) => (fit ? [{ fit, color }] : []));
  const shown = crossing !== undefined && crossing > left && crossing < right && fitted.length === 2;
  return renderFigure({
    title,
    legend: [
      ...series.map(({ label, color }) => ({ label, color, strokeWidth: 2.5, dot: true })),
      { label: 'beyond what was trained', color: '#888', strokeWidth: 1.5, dashed: true },
    ],
    verticalAxis: 'loss on text kept out (nats a token; logarithmic)',
    plot: {
      ...{ marginLeft: 56, marginRight: 40 },
      x: {
        type: 'log',
        domain: [left, right],
        label: 'training operations (FLOPs, counted alike)',
        labelAnchor: 'center',
        tickFormat: power,
      },
      y: {
        type: 'log',
        label: null,
        grid: true,
        nice: true,
        tickFormat: (value: number) => value.toFixed(1),
        ticks: 6,
      },
      marks: [
        ...fitted.map(({ fit, color }) =>
          Plot.areaY(
            grid.map((x) => ({ x, ...bandAt(fit, x) })),
            { x: 'x', y1: 'low', y2: 'high', fill: color, fillOpacity: 0.15 },
          ),
        ),
        ...fitted.flatMap(({ fit, color }) => {
          const line = (points: readonly number[], dashes: string) =>
            Plot.lineY(
              points.map((x) => ({ x, y: predict(fit, x) })),
              { x: 'x', y: 'y', stroke: color, strokeWidth: 2, strokeDasharray: dashes },
            );
          return [
            line(
              grid.filter((x) => x <= to * 1.05),
              'none',
            ),
            line(
              grid.filter((x) => x >= to),
              '4,4',
            ),
          ];
        }),
        ...series.map(({ points, color }) =>
          Plot.dot(points, { x: 'x', y: 'y', r: 4.5, fill: color, stroke: 'white' }),
        ),
        ...(shown
          ? [
              Plot.dot([{ x: crossing, y: predict(fitted[0]!.fit, crossing) }], {
                x: 'x',
                y: 'y',
                symbol: 'star',
                r: 8,
                fill: '#111',
              }),
            ]
          : []),
      ],
    },
  });
}

const digits = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** 10¹⁵; nothing between powers of ten. */
function power(value: number): string {
  const exponent = Math.log10(value);
  if (Math.abs(exponent - Math.round(exponent)) > 1e-9) return '';
  return `10${[...String(Math.round(exponent))].map((digit) => digits[Number(digit)]).join('')}`;
}
