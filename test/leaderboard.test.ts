/** The leaderboard's budgets, order and page; its rows cost what their configurations say. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Board, costOf, formatBoard, stepsWithin, withEntry } from '../bench/leaderboard/board.ts';
import { parseConfig } from '../src/checkpoint/huggingFaceConfig.ts';

const results = join(import.meta.dirname, '../results');
const board: Board = JSON.parse(readFileSync(join(results, 'leaderboard.json'), 'utf8'));

it('leaderboard.md is made from leaderboard.json, best first', () => {
  expect(formatBoard(board)).toBe(readFileSync(join(results, 'leaderboard.md'), 'utf8'));
  const scores = board.entries.map(({ bitsPerByte }) => bitsPerByte);
  expect(scores).toEqual([...scores].sort((a, b) => a - b));
});

it.for(board.entries)('$name stays within the budget by what its configuration costs', (entry) => {
  const cost = costOf(parseConfig(entry.config as never, entry.name).config);
  expect(entry.bytes).toBe(cost.bytes);
  expect(entry.operations).toBeCloseTo(cost.operations * entry.tokens, 0);
  expect(entry.bytes).toBeLessThanOrEqual(board.budget.bytes);
  expect(entry.operations).toBeLessThanOrEqual(board.budget.operations);
  expect(entry.joules).toBeLessThanOrEqual(board.budget.joules);
});

it('a budget ends with whichever part is spent first, and refuses what cannot fit', () => {
  const cost = { parameters: 1, bytes: 100, operations: 10, joules: 0.001 };
  const budget = { operations: 10 * 1024 * 50, bytes: 100, joules: 1000 };
  expect(stepsWithin(budget, cost)).toBe(50);
  expect(stepsWithin({ ...budget, joules: 0.001 * 1024 * 20 }, cost)).toBe(20);
  expect(() => stepsWithin({ ...budget, bytes: 99 }, cost)).toThrow('bytes: found 100 of weights');
  expect(() => stepsWithin({ ...budget, operations: 10 * 1024 * 9 }, cost)).toThrow('found 9 steps');
});

it('an entry replaces that of the same name and seed', () => {
  const [first] = board.entries;
  const better = { ...first!, bitsPerByte: 0.5 };
  const next = withEntry(board, better);
  expect(next.entries).toHaveLength(board.entries.length);
  expect(next.entries[0]).toBe(better);
  expect(withEntry(board, { ...better, seed: 99 }).entries).toHaveLength(board.entries.length + 1);
});
