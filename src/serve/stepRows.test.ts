import { describe, expect, it } from 'vitest';
import { type Claim, stepRows } from './stepRows.ts';

const prompt = (client: string, remaining: number, wantsAll = false): Claim => ({
  client,
  remaining,
  wantsAll,
});
const limits = { rows: 64, logitRows: 1000 };

describe('the rows of a step', () => {
  it('are shared by client, then by prompt', () => {
    const claims = [...Array(7).fill(prompt('a', 500)), prompt('b', 500)];
    const rows = stepRows(claims, limits);
    expect(rows.reduce((sum, one) => sum + one, 0)).toBeGreaterThan(64 - 8);
    expect(rows[7]).toBe(1 + 28); // as many as the seven others together, beside the row that each has
    expect(new Set(rows.slice(0, 7))).toEqual(new Set([5]));
  });

  it('are not kept for those who want few', () => {
    expect(stepRows([prompt('a', 3), prompt('b', 100), prompt('a', 1)], limits)).toEqual([3, 60, 1]);
  });

  it('are one for each sequence, however many there are', () => {
    expect(stepRows(Array(4).fill(prompt('a', 9)), { rows: 4, logitRows: 4 })).toEqual([1, 1, 1, 1]);
  });

  it('are few for those who want all logits if there is little room', () => {
    const claims = [prompt('a', 100, true), prompt('b', 100, true), prompt('c', 30)];
    expect(stepRows(claims, { rows: 64, logitRows: 9 })).toEqual([4, 4, 30]);
  });
});
