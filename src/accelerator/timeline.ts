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

/** More spans than this in a figure only make it heavy. */
const mostSpans = 20_000;

/**
 * @param spans instructions of units that are done
 * @param to the last cycle that is drawn
 */
export function timelineFigure(
  spans: readonly Span[],
  { from = 0, to }: { from?: number; to: number },
): string {
  const shown = spans.filter(({ start, end }) => end > from && start < to).slice(0, mostSpans);
  const bars = shown.map(({ unit, start, end, name, pc }) => ({
    label: rows.find((row) => row.unit === unit)!.label,
    ...{
      x1: Math.max(start, from),
      x2: Math.min(end, to),
      title: `${pc}: ${name}, cycles ${start} to ${end}`,
    },
  }));
  const ternary = bars
    .filter(({ label }) => label === 'ternary')
    .reduce((sum, { x1, x2 }) => sum + x2 - x1, 0);
  const share = ((100 * ternary) / (to - from)).toFixed(1);
  const labels = rows.map(({ label }) => label);
  return renderFigure({
    title: `Which unit is busy when: the ternary unit ${share} % of the time`,
    legend: [],
    verticalAxis: 'unit',
    plot: {
      ...{ height: 300, marginLeft: 84 },
      x: { label: 'cycle →', domain: [from, to], tickFormat: 's' },
      y: { label: null, domain: labels, padding: 0.25 },
      color: { domain: labels, range: rows.map(({ color }) => color) },
      marks: [
        Plot.barX(bars, {
          ...{ x1: 'x1', x2: 'x2', y: 'label', fill: 'label', title: 'title' },
          ...{ stroke: 'white', strokeWidth: 0.4 },
        }),
        Plot.ruleX([from]),
      ],
    },
  });
}
