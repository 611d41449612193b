/** The grid of the ladder: which sizes train on how many tokens, with which seeds, in which order. */
import { type Family, matmulFree } from '../families.ts';
import { matrixParameters } from '../scaling/flops.ts';
import { type Rung, shapeOf } from '../scaling/ladder.ts';
import type { RateRule } from '../scaling/rates.ts';
import type { Corpus, TrainingOutcome } from '../training.ts';

export interface GridPlan {
  readonly rungs: readonly Rung[];
  /** Places of the two rungs at which rates are searched, with the fewest tokens. */
  readonly searched: readonly [number, number];
  readonly tokens: readonly number[];
  /** With the fewest tokens, at the rungs of the search. */
  readonly seeds: number;
  readonly vocabulary: number;
  readonly batch: number;
  readonly length: number;
}

export interface GridRow {
  readonly family: string;
  readonly rung: Rung;
  readonly parameters: number;
  readonly flops: number;
  readonly learningRate: number;
  readonly seed: number;
  /** Whether this run was one of the search for the best rate. */
  readonly search: boolean;
  readonly outcome: TrainingOutcome;
}

export interface GridResults {
  readonly plan: GridPlan;
  readonly corpus: Corpus;
  readonly families: readonly Family[];
  readonly rows: readonly GridRow[];
  readonly rates: readonly ({ readonly family: string } & RateRule)[];
}

/** A run of the grid, at the rate that its family's rule gives. */
export interface PlannedCell {
  readonly family: Family;
  readonly rung: Rung;
  readonly tokens: number;
  readonly seed: number;
}

/**
 * Every cell of the grid with the study's seed; with the fewest tokens, also the other seeds at the sizes of the search.
 * The cheapest come first, so that an unfinished study says most, and those of all families are adjacent.
 */
export function cellsOf(plan: GridPlan, families: readonly Family[], first: number): PlannedCell[] {
  const { rungs, searched, tokens, seeds, vocabulary } = plan;
  const planned = tokens.flatMap((count, level) =>
    rungs.flatMap((rung, place) => {
      const more = level === 0 && searched.includes(place) ? seeds - 1 : 0;
      return Array.from({ length: 1 + more }, (_, k) => ({ rung, tokens: count, seed: first + k }));
    }),
  );
  const costOf = ({ rung, tokens }: { readonly rung: Rung; readonly tokens: number }) =>
    tokens * matrixParameters(matmulFree.config(shapeOf(rung, vocabulary)));
  return planned
    .sort((one, other) => costOf(one) - costOf(other) || one.seed - other.seed)
    .flatMap((cell) => families.map((family) => ({ family, ...cell })));
}

/** Whether a row has what a cell asks for: numbers of tokens are rounded to steps. */
export function isOfCell(row: GridRow, { family, rung, tokens, seed }: PlannedCell): boolean {
  return (
    row.family === family.name &&
    row.rung.layers === rung.layers &&
    row.rung.hiddenSize === rung.hiddenSize &&
    row.seed === seed &&
    hasTokens(row, tokens)
  );
}

/** Whether a row was trained on so many tokens, or was to be, up to the rounding to steps. */
export function hasTokens({ outcome }: GridRow, tokens: number): boolean {
  return Math.abs(outcome.tokens / tokens - 1) < 0.1;
}
