/** The report of the study of schedules. */

import type { ArmResults } from '../arms/armPlan.ts';
import { armTable, differenceOf, searchTable } from '../arms/armReport.ts';
import { type ArmRow, bestRows } from '../arms/arms.ts';
import { curvesFigure } from '../curvesFigure.ts';
import { type Estimate, estimateOf, formatEstimate } from '../statistics.ts';
import type { Report, Table } from '../study.ts';

export function schedulesReport({ plan, corpus, arms, rows, parameters }: ArmResults): Report {
  const millions = (count: number) => `${(count / 1e6).toPrecision(3)} M`;
  const falls = arms.flatMap(({ name, label }) => {
    const parts = fallsOf(bestRows(rows, name));
    return parts ? [{ arm: name, label, ...parts }] : [];
  });
  const [paper, ...others] = arms;
  const differences = others.flatMap(({ name, label }) => {
    const estimate = differenceOf(rows, name, paper!.name);
    return estimate ? [{ arm: label, estimate }] : [];
  });
  return {
    title: 'Learning-rate schedules',
    text: [
      `MatMul-free, ${millions(parameters)} parameters in matrices, ${millions(plan.tokens)} tokens of a corpus of ` +
        `${millions(corpus.tokens)}, ${plan.batch} × ${plan.length} a step, warm-up over a fiftieth of the run. Loss is ` +
        'that of windows kept out of training, in nats a token. The peak rate of each schedule is searched with the ' +
        'first seed, and the other seeds train at the best one. Intervals are of the mean over seeds, 95 % by Student’s t.',
    ],
    tables: [armTable('Schedules', arms, rows), fallsTable(falls), searchTable(arms, rows)],
    figures: [
      {
        name: 'curves',
        caption: 'Loss on text kept out during training, first seed, each schedule at its best peak rate.',
        svg: curvesFigure(
          'Loss by tokens and schedule',
          arms.flatMap(({ name, label, color }) => {
            const [best] = bestRows(rows, name);
            // Without the first tenth, whose fall would hide the rest.
            const from = (best?.outcome.tokens ?? 0) / 10;
            return best
              ? [{ label, color, points: best.outcome.curve.filter(([tokens]) => tokens >= from) }]
              : [];
          }),
        ),
      },
    ],
    data: { plan, corpus, parameters, rows, differences, falls },
  };
}

/** The fall of the loss in the second, third and fourth quarter of a run, over seeds. */
function fallsOf(rows: readonly ArmRow[]): { readonly quarters: readonly Estimate[] } | undefined {
  if (rows.length === 0) return undefined;
  const quarters = [1, 2, 3].map((quarter) =>
    estimateOf(
      rows.map(({ outcome }) => {
        const at = (share: number) => lossAt(outcome.curve, share * outcome.tokens);
        return at(quarter / 4) - at((quarter + 1) / 4);
      }),
    ),
  );
  return { quarters };
}

/** The loss of the validation nearest to this many tokens. */
function lossAt(curve: ArmRow['outcome']['curve'], tokens: number): number {
  const [nearest] = [...curve].sort(([a], [b]) => Math.abs(a - tokens) - Math.abs(b - tokens));
  if (!nearest) throw new Error('curve: found no validation, expected at least one');
  return nearest[1];
}

function fallsTable(falls: readonly { label: string; quarters: readonly Estimate[] }[]): Table {
  return {
    title: 'Fall of the loss by quarter of the run, nats a token',
    columns: ['', 'second', 'third', 'last'],
    rows: falls.map(({ label, quarters }) => [label, ...quarters.map((one) => formatEstimate(one, 4))]),
  };
}
