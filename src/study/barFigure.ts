/** Bar charts by size and model: single values or stacked parts. */
import * as Plot from '@observablehq/plot';
import { renderFigure } from '../figures/svg.ts';

export interface Bar {
  /** Bars are grouped by size. */
  readonly size: string;
  readonly label: string;
  /** Values by the names of the parts. */
  readonly parts: Readonly<Record<string, number>>;
}

export interface BarFigure {
  readonly title: string;
  /** Quantity and unit. */
  readonly axis: string;
  /** Colours by part, in order from the axis. */
  readonly colors: Readonly<Record<string, string>>;
  readonly bars: readonly Bar[];
  /** Formats the total of a bar. */
  readonly format: (total: number) => string;
}

export function barFigure({ title, axis, colors, bars, format }: BarFigure): string {
  const labels = [...new Set(bars.map(({ label }) => label))];
  const sizes = [...new Set(bars.map(({ size }) => size))];
  const names = Object.keys(colors);
  const pieces = bars.flatMap(({ size, label, parts }) =>
    names.map((part) => ({ size, label, part, value: parts[part] ?? 0 })),
  );
  const totals = bars.map(({ size, label, parts }) => ({
    ...{ size, label },
    value: names.reduce((sum, part) => sum + (parts[part] ?? 0), 0),
  }));
  const longest = (names: readonly string[]) => Math.max(...names.map((name) => name.length));
  return renderFigure({
    title,
    // With a single part the axis label suffices.
    legend:
      names.length > 1
        ? Object.entries(colors).map(([label, color]) => ({ label, color, strokeWidth: 8 }))
        : [],
    plot: {
      ...{ marginTop: 72, marginLeft: 30 + 7 * longest(labels), marginRight: 24 + 7 * longest(sizes) },
      height: 124 + bars.length * 26 + sizes.length * 8,
      // Leave room for the total beside the longest bar.
      x: { label: axis, labelAnchor: 'center', grid: true, nice: true, insetRight: 64 },
      y: { label: null, domain: labels, tickSize: 0 },
      fy: { label: null, domain: sizes, axis: 'right', padding: 0.15 },
      color: { domain: names, range: Object.values(colors) },
      marks: [
        Plot.barX(pieces, { x: 'value', y: 'label', fy: 'size', fill: 'part' }),
        Plot.text(totals, {
          ...{ x: 'value', y: 'label', fy: 'size', dx: 4, textAnchor: 'start' },
          text: ({ value }: { value: number }) => format(value),
        }),
      ],
    },
  });
}
