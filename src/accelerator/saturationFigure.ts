/** How far more cores make a block faster before memory ends it, as a figure. */
import * as Plot from '@observablehq/plot';
import { renderFigure } from '../figures/svg.ts';
import type { BlockRow, Report } from './report.ts';

const blue = '#2166ac';
const orange = '#d95f02';
const grey = '#777';

/** Blocks of d = 2048 at the report's first clock, behind all channels and behind one. */
export function saturationFigure({ blocks, saturation, channels }: Report): string {
  const { clockMHz, width } = saturation[0]!;
  const many = blocks.filter((row) => row.clockMHz === clockMHz && row.width === width);
  const series = [
    { rows: many, color: blue, label: `${channels} channels of DDR4-2400` },
    { rows: saturation, color: orange, label: 'one channel' },
  ];
  const single = many[0]!.cycles;
  const points = (rows: readonly BlockRow[]) =>
    rows.map(({ cores, cycles, bandwidthUse }) => ({ cores, gain: single / cycles, bandwidthUse }));
  const maxCores = many.at(-1)!.cores;
  return renderFigure({
    title: `A block of d = ${width} at ${clockMHz} MHz: what more cores gain before DDR4 is saturated`,
    legend: [
      ...series.map(({ color, label }) => ({ label, color, strokeWidth: 2.5, dot: true })),
      { label: 'as many times faster as there are cores', color: grey, strokeWidth: 1.5, dashed: true },
    ],
    verticalAxis: "times faster than one core; at the points, how much of DDR4's bandwidth is used",
    plot: {
      ...{ marginLeft: 56, marginRight: 56 },
      x: {
        label: 'cores',
        labelArrow: 'right',
        labelAnchor: 'center',
        ticks: many.map(({ cores }) => cores),
      },
      y: { label: null, grid: true, nice: true },
      marks: [
        Plot.lineY([1, maxCores], { x: (n) => n, y: (n) => n, stroke: grey, strokeDasharray: '3,3' }),
        ...series.flatMap(({ rows, color }) => [
          Plot.lineY(points(rows), { x: 'cores', y: 'gain', stroke: color, strokeWidth: 2.5 }),
          Plot.dot(points(rows), { x: 'cores', y: 'gain', fill: color, r: 3.5 }),
          Plot.text(
            points(rows).filter(({ cores }) => cores >= 8),
            {
              ...{ x: 'cores', y: 'gain', fill: color, dy: 14, dx: 6, textAnchor: 'start' },
              text: ({ bandwidthUse }: { bandwidthUse: number }) => `${Math.round(100 * bandwidthUse)} %`,
            },
          ),
        ]),
      ],
    },
  });
}
