/** The table of a search for learning rates by family and size, which the studies of losses by size share. */
import type { Family } from './families.ts';
import type { Rung } from './scaling/ladder.ts';
import type { Table } from './study.ts';
import type { TrainingOutcome } from './training.ts';

interface SearchedRow {
  readonly family: string;
  readonly rung: Rung;
  readonly learningRate: number;
  /** Whether this run was one of the search. */
  readonly search: boolean;
  readonly outcome: TrainingOutcome;
}

export function rateSearchTable(
  title: string,
  rows: readonly SearchedRow[],
  families: readonly Family[],
): Table {
  return {
    title,
    columns: ['model', 'size', 'rate', 'loss'],
    rows: rows
      .filter(({ search }) => search)
      .map(({ family, rung, learningRate, outcome }) => [
        families.find(({ name }) => name === family)!.label,
        `${rung.layers} × ${rung.hiddenSize}`,
        learningRate.toPrecision(2),
        outcome.loss?.toFixed(4) ?? `diverged: ${outcome.failure}`,
      ]),
  };
}
