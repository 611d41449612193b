/** Loss by parameters for each number of tokens, with the laws through it. */
import { formatCount } from '../../format.ts';
import { curvesFigure } from '../curvesFigure.ts';
import type { Family } from '../families.ts';
import type { LossLaw, Trained } from './lossLaw.ts';
import { lossAt } from './lossLaw.ts';

/** Losses of one family, and the law that was fitted to them, if there is one. */
export interface FamilyRuns {
  readonly family: Family;
  readonly runs: readonly Trained[];
  readonly law: LossLaw | undefined;
}

export function ladderFigure(families: readonly FamilyRuns[]): string {
  const all = families.flatMap(({ runs }) => runs);
  const sizes = [...new Set(all.map(({ parameters }) => parameters))].sort((a, b) => a - b);
  return curvesFigure(
    'Loss by parameters and tokens',
    families.flatMap(({ family, runs, law }) => {
      const levels = [...Map.groupBy(runs, ({ tokens }) => tokens)].sort(([a], [b]) => a - b);
      return levels.map(([tokens, own], level) => ({
        label: `${family.label}, ${formatCount(tokens)} tokens`,
        color: shade(family.color, level / levels.length),
        points: own.map(({ parameters, loss }) => [parameters, loss] as const),
        ...(law ? { line: lineOf(law, sizes, tokens) } : {}),
      }));
    }),
    { x: 'parameters in matrices', logarithmic: true, ticks: sizes },
  );
}

/** The law over the sizes that were trained, close enough to look like a curve. */
function lineOf(law: LossLaw, sizes: readonly number[], tokens: number): (readonly [number, number])[] {
  const [least, most] = [sizes[0]!, sizes.at(-1)!];
  return Array.from({ length: 41 }, (_, k) => {
    const parameters = least * (most / least) ** (k / 40);
    return [parameters, lossAt(law, parameters, tokens)] as const;
  });
}

/** A colour nearer to white. */
function shade(color: string, share: number): string {
  const channels = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
  return `#${channels
    .map((value) =>
      Math.round(value + (255 - value) * 0.7 * share)
        .toString(16)
        .padStart(2, '0'),
    )
    .join('')}`;
}
