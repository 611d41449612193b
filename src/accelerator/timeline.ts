/** Which unit was busy when, as a figure. */
import * as Plot from '@observablehq/plot';
import { renderFigure } from '../figures/svg.ts';
import type { Span } from './cluster.ts';

const rows = [
  { unit: 'ls', label: 'load/store', color: '#4e79a7' },
  { unit: 'row', label: 'row-wise', color: '#f28e2b' },
  { unit: 'scl', label: 'scalar', color: '#76b7b2' },
  { unit: 'tmv', label: 'ternary', color: '#59a14f' },
] as const;

/** Of the drawing, about. */
const pixels = 600;
/** More spans than this in a figure only make it heavy. */
const maxSpans = 20_000;

/**
 * @param spans instructions of units that are done
 * @param to the last cycle that is drawn
 */
export function timelineFigure(
  spans: readonly Span[],
  { from = 0, to }: { from?: number; to: number },
): string {
  const shown = spans.filter(({ start, end }) => end > from && start < to).slice(0, maxSpans);
  const bars = shown.map(({ unit, start, end, name, pc }) => ({
    row: rows.findIndex((row) => row.unit === unit),
    ...{
      x1: Math.max(start, from),
      x2: Math.min(end, to),
      title: `${pc}: ${name}, cycles ${start} to ${end}`,
    },
  }));
  const labels = rows.map(({ unit, label }) => `${label}, ${share(shown, unit, from, to)}`);
  const wide = (to - from) / pixels;
  return renderFigure({
    title: 'Which unit is busy when',
    legend: [],
    plot: {
      ...{ height: 270, marginTop: 60, marginLeft: 128, marginRight: 24 },
      x: { label: 'cycle', labelArrow: 'right', labelAnchor: 'center', domain: [from, to], ticks: 6 },
      y: { label: null, domain: labels, padding: 0.25 },
      marks: [
        Plot.barX(bars, {
          ...{ x1: 'x1', x2: 'x2', title: 'title' },
          y: ({ row }) => labels[row]!,
          fill: ({ row }) => rows[row]!.color,
          // Long neighbours are kept apart; short ones, a fraction of a pixel, would vanish.
          stroke: ({ row, x1, x2 }) => (x2 - x1 > 4 * wide ? 'white' : rows[row]!.color),
          strokeWidth: 0.5,
        }),
        Plot.ruleX([from]),
      ],
    },
  });
}

/** Of the drawn time. */
function share(spans: readonly Span[], unit: Span['unit'], from: number, to: number): string {
  const busy = spans
    .filter((span) => span.unit === unit)
    .reduce((sum, { start, end }) => sum + Math.min(end, to) - Math.max(start, from), 0);
  return `${((100 * busy) / (to - from)).toFixed(1)} %`;
}
