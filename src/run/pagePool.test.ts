import fc from 'fast-check';
import { expect, it } from 'vitest';
import { pageSize } from '../ops/pages.ts';
import { PagedSequence } from './pagedSequence.ts';
import { PagePool } from './pagePool.ts';

/** Texts over few tokens with long runs, so that many begin alike. */
const text = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 1 }), fc.constantFrom(pageSize, 3, 20)), { maxLength: 4 })
  .map((runs) => runs.flatMap(([token, count]) => Array.from({ length: count }, () => token)));

const action = fc.record({
  slot: fc.integer({ min: 0, max: 3 }),
  kind: fc.constantFrom('restart', 'append', 'rewind', 'drop'),
  text,
});

it('pages always hold the tokens of the sequences that use them', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 40 }), fc.integer({ min: 1, max: 8 }), (actions, size) => {
      const pool = new PagePool(size);
      const sequences = Array.from({ length: 4 }, () => new PagedSequence(pool));
      /** The tokens whose keys were written to each page, with all tokens before them. */
      const memory = new Map<number, string[]>();
      for (const { slot, kind, text } of actions) {
        const sequence = sequences[slot]!;
        if (kind === 'restart') sequence.restart(text);
        else if (kind === 'append') sequence.append(text);
        else if (kind === 'rewind') sequence.rewind(Math.min(text.length, sequence.tokens.length));
        else sequence.drop();
        if (sequence.reserve()) {
          for (let at = sequence.cached; at < sequence.tokens.length; at++) {
            const { index } = sequence.pages[Math.floor(at / pageSize)]!;
            const row = memory.get(index) ?? [];
            row[at % pageSize] = sequence.tokens.slice(0, at + 1).join('');
            memory.set(index, row);
          }
          sequence.commit(sequence.tokens.length);
        }
        for (const { tokens, pages, cached } of sequences) {
          for (let at = 0; at < cached; at++) {
            const { index } = pages[Math.floor(at / pageSize)]!;
            if (memory.get(index)![at % pageSize] !== tokens.slice(0, at + 1).join('')) return false;
          }
        }
      }
      for (const sequence of sequences) sequence.drop();
      return pool.available === size;
    }),
    { numRuns: 200 },
  );
});

it('a full pool has no page until one is released, and evicts the longest unused', () => {
  const pool = new PagePool(2);
  const [a, b] = [new PagedSequence(pool), new PagedSequence(pool)];
  const tokens = (token: number) => Array.from({ length: pageSize }, () => token);
  for (const [sequence, token] of [
    [a, 1],
    [b, 2],
  ] as const) {
    sequence.append(tokens(token));
    expect(sequence.reserve()).toBe(true);
    sequence.commit(pageSize);
  }
  expect(pool.take()).toBeUndefined();
  a.drop();
  b.drop();
  expect(pool.available).toBe(2);
  const third = new PagedSequence(pool);
  third.append(tokens(3));
  expect(third.reserve()).toBe(true);
  a.restart(tokens(1));
  expect(a.cached).toBe(0);
  b.restart(tokens(2));
  expect(b.cached).toBe(pageSize);
});

it('sequences that read the same tokens side by side end with the same pages', () => {
  const pool = new PagePool(6);
  const sequences = [new PagedSequence(pool), new PagedSequence(pool)];
  const tokens = Array.from({ length: 2 * pageSize + 5 }, (_, k) => k);
  for (const sequence of sequences) {
    sequence.append(tokens);
    expect(sequence.reserve()).toBe(true);
  }
  for (const sequence of sequences) sequence.commit(tokens.length);
  const [first, second] = sequences.map(({ pages }) => pages.map(({ index }) => index));
  expect(second!.slice(0, 2)).toEqual(first!.slice(0, 2));
  expect(second![2]).not.toBe(first![2]); // it has room, which each fills with its own
  expect(pool.available).toBe(2);
});
