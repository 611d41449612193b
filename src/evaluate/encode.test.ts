import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteLevelTokenizer } from '../text/testing.ts';
import { TextTokenizer } from '../text/tokenizer.ts';
import { RequestEncoder, rollingWindows } from './encode.ts';

const tokenizer = await byteLevelTokenizer();
/** It puts its special token, 0, before each text. */
const encoder = new RequestEncoder(tokenizer);
const ids = (text: string) => tokenizer.encode(text, { addSpecialTokens: false });

/** The same without that habit. */
const bare = TextTokenizer.fromJson({ ...tokenizer.json, post_processor: null }, tokenizer.config);

describe('encoding requests', () => {
  it('encodes both texts together and divides them where the context ends by itself', () => {
    const property = fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), (a, b) => {
      const [context, continuation] = [`Call ${a}.`, ` ${b}!`];
      const pair = encoder.pair({ context, continuation });
      expect(pair.context).toEqual([0, ...ids(context)]);
      expect(pair.continuation).toEqual(ids(context + continuation).slice(ids(context).length));
    });
    fc.assert(property, { seed: 1, numRuns: 100 });
  });

  it("moves the context's trailing spaces to the continuation", () => {
    const pair = encoder.pair({ context: 'The whale \n', continuation: 'swims' });
    expect(pair.context).toEqual([0, ...ids('The whale')]);
    expect(tokenizer.decode(pair.continuation)).toBe(' \nswims');
  });

  it('begins with the token that begins texts where there is no context', () => {
    expect(encoder.pair({ context: '', continuation: 'Call' })).toEqual({
      context: [0],
      continuation: ids('Call'),
    });
    expect(() => encoder.pair({ context: '', continuation: '' })).toThrow(/expected a text of tokens/);
    expect(() => encoder.pair({ context: 'Call', continuation: '' })).toThrow(/expected a text of tokens/);
  });

  it('encodes a continuation alone if one token spans the boundary, and says so', () => {
    const spanning = Array.from({ length: tokenizer.vocabularySize }, (_, id) =>
      tokenizer.decode([id]),
    ).filter((text) => /^[a-z]{2,}$/.test(text) && ids(text).length === 1);
    expect(spanning.length).toBeGreaterThan(3);
    for (const text of spanning) {
      const [context, continuation] = [text.slice(0, 1), text.slice(1)];
      expect(encoder.pair({ context, continuation })).toEqual({
        context: [0, ...ids(context)],
        continuation: ids(continuation),
        encodedAlone: true,
      });
    }
  });

  it("follows the tokenizer's habit of a bos token, unless told otherwise", () => {
    const request = { context: 'Call', continuation: ' me' };
    const bos = encoder.pair(request);
    const plain = { ...bos, context: ids('Call') };
    expect(bos.context).toEqual([0, ...ids('Call')]);
    expect(new RequestEncoder(tokenizer, true).pair(request)).toEqual(bos);
    expect(new RequestEncoder(tokenizer, false).pair(request)).toEqual(plain);
    expect(new RequestEncoder(bare).pair(request)).toEqual(plain);
    expect(new RequestEncoder(bare, true).pair(request)).toEqual(bos);
  });
});

describe('rolling windows', () => {
  it('predict each token once, within the context length', () => {
    const property = fc.property(
      fc.integer({ min: 0, max: 60 }),
      fc.integer({ min: 1, max: 12 }),
      (count, length) => {
        const tokens = Array.from({ length: count }, (_, k) => k + 100);
        const windows = rollingWindows(tokens, 7, length);
        expect(windows.flatMap(({ continuation }) => continuation)).toEqual(tokens);
        const all = [7, ...tokens];
        for (const { context, continuation } of windows) {
          const seen = [...context, ...continuation.slice(0, -1)];
          expect(seen.length).toBeLessThanOrEqual(length);
          // The context is the tokens right before the predicted ones.
          expect([...context, ...continuation].join()).toBe(
            all
              .slice(all.indexOf(context[0]!))
              .slice(0, seen.length + 1)
              .join(),
          );
        }
        // Only the first window may be short: later ones reach back as far as they can.
        for (const { context, continuation } of windows.slice(1))
          expect(context.length + continuation.length - 1).toBe(length);
      },
    );
    fc.assert(property, { seed: 1 });
  });
});
