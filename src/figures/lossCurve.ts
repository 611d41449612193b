/** The loss of a training run over its steps. */
import * as Plot from '@observablehq/plot';
import type { LogLine } from '../train/log.ts';
import { renderFigure } from './svg.ts';

interface Point {
  readonly step: number;
  readonly loss: number;
}

const blue = '#2166ac';
const paleBlue = '#a6c8e4';
const orange = '#d95f02';
/** More points than pixels tell nothing and make large files. */
const mostPoints = 1200;

/**
 * An SVG of a run's log: the loss of every step, the same smoothed, and the validation loss, in nats a token.
 * @param lines at least one step
 */
export function lossCurve(lines: readonly LogLine[], title: string): string {
  const steps = lines.filter(({ event }) => event === 'step');
  const validation = lines.filter(({ event }) => event === 'validation');
  const [raw, smoothed] = [thinned(steps), thinned(smooth(steps))];
  const last = validation.at(-1);
  return renderFigure({
    title,
    legend: [
      { label: 'training, each step', color: paleBlue, strokeWidth: 1.5 },
      { label: 'training, smoothed', color: blue, strokeWidth: 2.5 },
      ...(last ? [{ label: 'validation', color: orange, strokeWidth: 1.5, dashed: true, dot: true }] : []),
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
        // Dashed: between two validations nothing is known.
        Plot.lineY(validation, { x: 'step', y: 'loss', stroke: orange, strokeDasharray: '3,3' }),
        Plot.dot(validation, { x: 'step', y: 'loss', fill: orange, r: 3 }),
        Plot.text(last ? [last] : [], {
          ...{ x: 'step', y: 'loss', text: ({ loss }: Point) => loss.toFixed(2) },
          ...{ dx: 8, textAnchor: 'start', fill: orange, fontWeight: 600 },
        }),
      ],
    },
  });
}

/**
 * A mean over about a thirtieth of the run, centred so that it lags behind no fall. At the start it narrows, where
 * the loss is steep, but not at the end, where it is flat.
 */
function smooth(points: readonly Point[]): Point[] {
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
function thinned(points: readonly Point[]): readonly Point[] {
  const stride = Math.ceil(points.length / mostPoints);
  return points.filter((_, k) => (points.length - 1 - k) % stride === 0);
}
