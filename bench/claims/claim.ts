/** A claim with its verdict, and what verdicts are written with. */

export interface Claim {
  readonly claim: string;
  readonly verdict: 'holds' | 'partly' | 'not' | 'undecided';
  /** Size of the effect, with an interval where there is one. */
  readonly effect: string;
  /** Runs, items or cells behind it, and seeds. */
  readonly count: string;
  readonly scale: string;
  readonly command: string;
  readonly source: string;
}

/** @throws if the stored results no longer say what a verdict rests on */
export function requires(holds: boolean, what: string): void {
  if (!holds) throw new Error(`claims: found results that no longer say that ${what}; judge the claim again`);
}

export const percent = (share: number, digits = 1) => `${(100 * share).toFixed(digits)} %`;
export const range = (values: readonly number[], format: (value: number) => string) =>
  `${format(Math.min(...values))} to ${format(Math.max(...values))}`;
