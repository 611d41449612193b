/** Loss curves of one training on several engines: their common settings, comparison and figure. */
import * as Plot from '@observablehq/plot';
import { smooth, thinned } from '../src/figures/lossCurve.ts';
import { renderFigure } from '../src/figures/svg.ts';

/** The loss curve of one run. */
export interface Curve {
  readonly engine: 'cpu' | 'webgpu' | 'cuda';
  /** For display: threads and instruction sets, or the device. */
  readonly machine: string;
  readonly seed: number;
  /** For each step, in nats a token. */
  readonly losses: readonly number[];
  /** On text kept out of training. */
  readonly validations: readonly (readonly [step: number, loss: number])[];
}

/** The differences between two runs, in nats a token. */
export interface Distance {
  readonly between: readonly [string, string];
  /** Of the smoothed losses, without the first tenth of the steps, in which they fall steeply. */
  readonly mean: number;
  readonly largest: number;
  /** Of the last validation. */
  readonly validation: number;
}

export function nameOf({ engine, seed }: Pick<Curve, 'engine' | 'seed'>): string {
  return `${{ cpu: 'CPU', webgpu: 'GPU', cuda: 'CUDA' }[engine]}, seed ${seed}`;
}

/** Every pair with the first curve, over the steps that both runs have made. */
export function distances([first, ...others]: readonly Curve[]): Distance[] {
  return first ? others.map((other) => distance(first, other)) : [];
}

function distance(a: Curve, b: Curve): Distance {
  const steps = Math.min(a.losses.length, b.losses.length);
  const [x, y] = [a, b].map(({ losses }) => smooth(pointsOf(losses.slice(0, steps))));
  const gaps = x!.map(({ loss }, i) => Math.abs(loss - y![i]!.loss)).slice(Math.floor(steps / 10));
  const last = Math.min(a.validations.length, b.validations.length) - 1;
  return {
    between: [nameOf(a), nameOf(b)],
    mean: gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length,
    largest: Math.max(...gaps),
    validation: Math.abs(a.validations[last]![1] - b.validations[last]![1]),
  };
}

const colors = ['#2166ac', '#d95f02', '#999999'];

/** An SVG of the smoothed losses; the first curve is drawn widest, so that a curve on top of it does not hide it. */
export function drawCurves(curves: readonly Curve[], title: string): string {
  const widths = [5, 1.5, 1.5];
  return renderFigure({
    title,
    legend: curves.map((curve, i) => ({
      label: nameOf(curve),
      color: colors[i % colors.length]!,
      strokeWidth: widths[i] ?? 1.5,
    })),
    verticalAxis: 'training loss, smoothed (nats per token)',
    plot: {
      marginLeft: 56,
      marginRight: 24,
      x: { label: 'step', labelArrow: 'right', labelAnchor: 'center', nice: false },
      y: { label: null, grid: true, nice: true },
      marks: curves.map(({ losses }, i) =>
        Plot.lineY(thinned(smooth(pointsOf(losses))), {
          ...{ x: 'step', y: 'loss', stroke: colors[i % colors.length]!, strokeWidth: widths[i] ?? 1.5 },
          strokeOpacity: i === 0 ? 0.45 : 1,
        }),
      ),
    },
  });
}

function pointsOf(losses: readonly number[]) {
  return losses.map((loss, i) => ({ step: i + 1, loss }));
}
