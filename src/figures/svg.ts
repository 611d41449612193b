/** Figures as SVG files that stand alone: a title, a legend, and a white ground that dark viewers keep. */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';

export interface LegendEntry {
  readonly label: string;
  readonly color: string;
  /** Of the line that stands for it, in pixels. */
  readonly strokeWidth: number;
  readonly dashed?: boolean;
  /** A dot on the line, as in the plot. */
  readonly dot?: boolean;
}

export interface Figure {
  readonly title: string;
  readonly legend: readonly LegendEntry[];
  /** Written above the axis, horizontally; with its unit. Absent where there are names, not numbers. */
  readonly verticalAxis?: string;
  readonly plot: Plot.PlotOptions;
}

const namespace = 'http://www.w3.org/2000/svg';
const fontFamily = 'system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';
/** Above the axes: title, legend of one line, and the label of the vertical axis. */
const headHeight = 96;

const width = 760;
/** Of the legend, and the distance to its next line. */
const firstLine = 46;
const lineHeight = 20;

/** Nothing lays text out here, so entries stand as far apart as wide letters would need. */
function placed(legend: readonly LegendEntry[]) {
  let [x, y] = [16, firstLine];
  return legend.map((entry) => {
    const needed = 54 + 7 * entry.label.length;
    if (x > 16 && x + needed > width) [x, y] = [16, y + lineHeight];
    const at = { ...entry, x, y };
    x += needed;
    return at;
  });
}

/** The text of an SVG file. */
export function renderFigure({ title, legend, verticalAxis, plot }: Figure): string {
  const entries = placed(legend);
  const head = headHeight + (entries.at(-1)?.y ?? firstLine) - firstLine;
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const svg = Plot.plot({
    ...{ document, width, height: 344 + head, marginTop: head, marginBottom: 44 },
    ...plot,
    style: { fontFamily, fontSize: '12px', color: '#333', background: 'white' },
  });
  const element = (name: string, attributes: Record<string, string | number>, text = '') => {
    const made = document.createElementNS(namespace, name);
    for (const [key, value] of Object.entries({ 'text-anchor': 'start', ...attributes })) {
      made.setAttribute(key, String(value));
    }
    made.textContent = text;
    return made;
  };
  svg.setAttribute('xmlns', namespace);
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', title);
  svg.prepend(element('rect', { width: '100%', height: '100%', fill: 'white' }));
  svg.append(element('text', { x: 16, y: 28, 'font-size': 16, 'font-weight': 600, fill: '#111' }, title));
  if (verticalAxis !== undefined) {
    svg.append(element('text', { x: 16, y: head - 16, fill: '#555' }, `↑ ${verticalAxis}`));
  }
  for (const { label, color, strokeWidth, dashed, dot, x, y } of entries) {
    const ends = { x1: x, x2: x + 24, y1: y, y2: y };
    const stroke = {
      stroke: color,
      'stroke-width': strokeWidth,
      'stroke-dasharray': dashed ? '3,3' : 'none',
    };
    svg.append(element('line', { ...ends, ...stroke }));
    if (dot) svg.append(element('circle', { cx: x + 12, cy: y, r: 3, fill: color }));
    svg.append(element('text', { x: x + 30, y: y + 4, fill: '#333' }, label));
  }
  return `${svg.outerHTML}\n`;
}
