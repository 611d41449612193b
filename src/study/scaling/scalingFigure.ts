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

/** How far lines continue beyond the points, as a factor. */
const outlook = 10;

export function scalingFigure(title: string, series: readonly Series[], crossing?: number): string {
  const xs = series.flatMap(({ points }) => points.map(({ x }) => x));
  const [from, to] = [Math.min(...xs), Math.max(...xs)];
  const [left, right] = [from / 1.5, to * outlook];
  const grid = Array.from({ length: 61 }, (_, k) => left * (right / left) ** (k / 60));
  const fitted = series.flatMap(({ fit, color }) => (fit ? [{ fit, color }] : []));
  const heights = heightsOf(series, [left, right]);
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
        ...{ type: 'log', domain: heights, label: null, grid: true },
        ...{ ticks: evenTicks(heights), tickFormat: (value: number) => String(Number(value.toPrecision(3))) },
      },
      marks: [
        ...fitted.map(({ fit, color }) =>
          Plot.areaY(
            grid.map((x) => ({ x, ...bandAt(fit, x) })),
            { x: 'x', y1: 'low', y2: 'high', fill: color, fillOpacity: 0.15, clip: true },
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

/** From a little below all points and lines to a little above; bands may reach further, and are cut there. */
function heightsOf(series: readonly Series[], ends: readonly number[]): [number, number] {
  const values = series.flatMap(({ points, fit }) => [
    ...points.map(({ y }) => y),
    ...(fit ? ends.map((x) => predict(fit, x)) : []),
  ]);
  return [Math.min(...values) * 0.97, Math.max(...values) * 1.03];
}

/** Up to nine round numbers: ticks at powers of ten would be none or one. */
function evenTicks([low, high]: readonly [number, number]): number[] {
  const rough = (high - low) / 9;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * ([1, 2, 5, 10].find((factor) => factor * unit >= rough) ?? 10);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, k) => (first + k) * step);
}

const digits = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** 10¹⁵; nothing between powers of ten. */
function power(value: number): string {
  const exponent = Math.log10(value);
  if (Math.abs(exponent - Math.round(exponent)) > 1e-9) return '';
  return `10${[...String(Math.round(exponent))].map((digit) => digits[Number(digit)]).join('')}`;
}
