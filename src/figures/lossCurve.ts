/** The loss of a training run over its steps. */
import * as Plot from '@observablehq/plot';
import type { LogLine } from '../train/log.ts';
import { labelPlaces } from './labels.ts';
import { renderFigure } from './svg.ts';

interface Point {
  readonly step: number;
  readonly loss: number;
}

const blue = '#2166ac';
const paleBlue = '#a6c8e4';
/** Of the validation sets, in order; more than these begin again. */
const validationColors = ['#d95f02', '#1b7837', '#762a83', '#8c510a', '#c51b7d', '#01665e'];
/** More points than pixels only make files larger. */
const maxPoints = 1200;

/**
 * An SVG of a run's log: the loss of every step, the same smoothed, and the validation loss, in nats a token.
 * @param lines at least one step
 */
export function lossCurve(lines: readonly LogLine[], title: string): string {
  const steps = lines.filter(({ event }) => event === 'step');
  const [raw, smoothed] = [thinned(steps), thinned(smooth(steps))];
  const sets = validationSets(lines);
  const ends = sets.map(({ points }) => points.at(-1)!.loss);
  const all = [...raw, ...sets.flatMap(({ points }) => points)].map(({ loss }) => loss);
  const places = labelPlaces(ends, all);
  return renderFigure({
    title,
    legend: [
      { label: 'training, each step', color: paleBlue, strokeWidth: 1.5 },
      { label: 'training, smoothed', color: blue, strokeWidth: 2.5 },
      ...sets.map(({ label, color }) => ({ label, color, strokeWidth: 1.5, dashed: true, dot: true })),
    ],
    verticalAxis: 'loss (nats per token)',
    plot: {
      marginLeft: 56,
      marginRight: 56,
      x: { label: 'step', labelArrow: 'right', labelAnchor: 'center', nice: false },
      y: { label: null, grid: true, nice: true },
      marks: [
        Plot.lineY(raw, { x: 'step', y: 'loss', stroke: paleBlue, strokeWidth: 1 }),
        Plot.lineY(smoothed, { x: 'step', y: 'loss', stroke: blue, strokeWidth: 2.5 }),
        ...sets.flatMap(({ points, color }, k) => [
          // Dashed: between two validations nothing is known.
          Plot.lineY(points, { x: 'step', y: 'loss', stroke: color, strokeDasharray: '3,3' }),
          Plot.dot(points, { x: 'step', y: 'loss', fill: color, r: 3 }),
          Plot.text(points.slice(-1), {
            ...{ x: 'step', y: () => places[k], text: ({ loss }: Point) => loss.toFixed(2) },
            ...{ dx: 8, textAnchor: 'start', fill: color, fontWeight: 600 },
          }),
        ]),
      ],
    },
  });
}

/** The measurements of each text on its own. */
function validationSets(lines: readonly LogLine[]) {
  const sets = new Map<string, Point[]>();
  for (const line of lines) {
    if (line.event !== 'validation') continue;
    const label = line.set === undefined ? 'validation' : `validation, ${line.set.replace(/^valid\./, '')}`;
    sets.set(label, [...(sets.get(label) ?? []), line]);
  }
  return [...sets].map(([label, points], k) => {
    return { label, points, color: validationColors[k % validationColors.length]! };
  });
}

/**
 * A mean over about a thirtieth of the run, centred so that it lags behind no fall. At the start it narrows, where
 * the loss is steep, but not at the end, where it is flat.
 */
export function smooth(points: readonly Point[]): Point[] {
  const sums = [0];
  for (const { loss } of points) sums.push(sums.at(-1)! + loss);
  const widest = Math.floor(points.length / 60);
  return points.map(({ step }, k) => {
    const before = Math.min(widest, k);
    const after = Math.min(before, points.length - 1 - k);
    return { step, loss: (sums[k + after + 1]! - sums[k - before]!) / (before + after + 1) };
  });
}

/** Evenly spaced points, the last one among them. */
export function thinned(points: readonly Point[]): readonly Point[] {
  const stride = Math.ceil(points.length / maxPoints);
  return points.filter((_, k) => (points.length - 1 - k) % stride === 0);
}
