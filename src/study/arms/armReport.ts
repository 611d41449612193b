/** Tables of a comparison of arms. */

import { type Estimate, estimateOf, formatEstimate } from '../statistics.ts';
import type { Table } from '../study.ts';
import { type Arm, type ArmRow, bestRows } from './arms.ts';

/** The best rate of each arm and its loss over seeds, with the difference from the first arm, seed by seed. */
export function armTable(title: string, arms: readonly Arm[], rows: readonly ArmRow[]): Table {
  const [base] = arms;
  return {
    title,
    columns: ['', 'best rate', 'loss, nats a token', 'seeds', `difference from ${base?.label}`],
    rows: arms.flatMap((arm) => {
      const best = bestRows(rows, arm.name);
      if (best.length === 0) return [];
      const difference = arm === base ? undefined : differenceOf(rows, arm.name, base!.name);
      return [
        [
          arm.label,
          `${best[0]!.learningRate}`,
          formatEstimate(estimateOf(best.map(({ outcome }) => outcome.loss!)), 4),
          `${best.length}`,
          difference ? formatEstimate(difference, 4) : '',
        ],
      ];
    }),
  };
}

/** Mean of the differences of two arms' losses at their best rates, over the seeds that both have. */
export function differenceOf(rows: readonly ArmRow[], one: string, other: string): Estimate | undefined {
  const [left, right] = [lossesBySeed(rows, one), lossesBySeed(rows, other)];
  const differences = [...left].flatMap(([seed, loss]) => {
    const beside = right.get(seed);
    return beside === undefined ? [] : [loss - beside];
  });
  return differences.length > 0 ? estimateOf(differences) : undefined;
}

/** Losses of an arm at its best rate by seed. */
export function lossesBySeed(rows: readonly ArmRow[], arm: string): ReadonlyMap<number, number> {
  return new Map(bestRows(rows, arm).map(({ seed, outcome }) => [seed, outcome.loss!]));
}

/** The loss of every run of the search, by learning rate. */
export function searchTable(arms: readonly Arm[], rows: readonly ArmRow[]): Table {
  const first = Math.min(...rows.map(({ seed }) => seed));
  const searched = rows.filter(({ seed }) => seed === first);
  const rates = [...new Set(searched.map(({ learningRate }) => learningRate))].sort((a, b) => a - b);
  const cell = (arm: string, rate: number) => {
    const row = searched.find((one) => one.arm === arm && one.learningRate === rate);
    return row ? (row.outcome.loss?.toFixed(4) ?? 'diverged') : '';
  };
  return {
    title: `Loss by learning rate, seed ${first}`,
    columns: ['', ...rates.map(String)],
    rows: arms.map(({ name, label }) => [label, ...rates.map((rate) => cell(name, rate))]),
  };
}
