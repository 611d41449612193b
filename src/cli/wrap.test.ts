import fc from 'fast-check';
import { expect, it } from 'vitest';
import { WordWrap } from './wrap.ts';

function wrapped(text: string, width: number, size: number): string {
  const wrap = new WordWrap(() => width);
  let out = '';
  for (let at = 0; at < text.length; at += size) out += wrap.add(text.slice(at, at + size));
  return out + wrap.end();
}

it('breaks lines between words, wherever the pieces end', () => {
  for (const size of [1, 3, 100]) {
    expect(wrapped('a small model that adds', 11, size)).toBe('a small \nmodel that \nadds');
  }
});

it('changes nothing but spaces and line ends, and keeps words within the width whole', () => {
  const words = fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { maxLength: 40 });
  fc.assert(
    fc.property(
      words,
      fc.integer({ min: 12, max: 40 }),
      fc.integer({ min: 1, max: 9 }),
      (list, width, size) => {
        const out = wrapped(list.join(' '), width, size);
        expect(out.split(/\s+/).filter(Boolean)).toEqual(list);
        for (const line of out.split('\n')) expect(line.trimEnd().length).toBeLessThanOrEqual(width);
      },
    ),
    { seed: 1 },
  );
});

it('follows a terminal that is resized', () => {
  let width = 20;
  const wrap = new WordWrap(() => width);
  const first = wrap.add('one two three ');
  width = 10;
  expect(first + wrap.add('four five ') + wrap.end()).toBe('one two three \nfour five ');
});
