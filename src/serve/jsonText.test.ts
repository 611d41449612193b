import fc from 'fast-check';
import { expect, it } from 'vitest';
import { atOnce } from '../text/encoding.ts';
import { jsonStepwise, later } from './jsonText.ts';

it('gives the text of JSON.stringify, whatever the sizes and where they lie', () => {
  const large = fc.array(fc.integer(), { minLength: 400, maxLength: 1200 });
  const value = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 3 }, fc.jsonValue(), large, fc.array(tie('value')), fc.object()),
  })).value;
  fc.assert(
    fc.property(value, (one) => {
      expect(atOnce(jsonStepwise(one))).toBe(JSON.stringify(one) ?? 'null');
    }),
  );
});

it('makes and writes a large answer in many parts', () => {
  const made: number[] = [];
  const listed = Array.from({ length: 3000 }, (_, index) => later(() => ({ at: made.push(index) })));
  const work = jsonStepwise({ choices: [{ logprobs: { top: listed, ids: Array(3000).fill(7) } }, 'x'] });
  let most = 0;
  for (let before = 0; !work.next().done; before = made.length) most = Math.max(most, made.length - before);
  expect(made.length).toBe(3000);
  expect(most).toBeLessThan(30);
});
