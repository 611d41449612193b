/** The page of claims says what the results say, and operations at equal loss are interpolated as stated. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { equalLoss } from '../bench/claims/equalLoss.ts';
import { claimFiles } from '../bench/claims/write.ts';

const results = join(import.meta.dirname, '../results');

describe('claims', () => {
  it.for(Object.entries(claimFiles()))(
    '%s is what `npx node bench/claims/write.ts` writes',
    ([name, text]) => {
      expect(readFileSync(join(results, name), 'utf8')).toBe(text);
    },
  );

  it('operations at equal loss lie on lines between sizes; nothing is extrapolated', () => {
    const row = (family: string, parameters: number, flops: number, loss?: number) => ({
      ...{ family, parameters, flops },
      outcome: loss === undefined ? {} : { loss },
    });
    const rows = [
      ...[row('b', 1, 100, 4), row('b', 1, 100, 5), row('b', 2, 400, 1), row('b', 3, 1600)],
      // Above, within and below what b reaches; of two runs of a size the better one counts.
      ...[row('a', 1, 50, 4.5), row('a', 2, 300, 2), row('a', 2, 300, 3), row('a', 3, 900, 0.5)],
    ];
    // Loss 2 is half of the way from 4 to 1 in logarithms, so 200 operations.
    expect(equalLoss(rows, 'a', 'b')).toEqual([expect.closeTo(300 / 200, 9)]);
  });
});
