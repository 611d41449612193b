import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countWords } from './countWords.ts';
import { learnMerges, type Merge } from './learnMerges.ts';
import { byteLevelTokenizer, collect, listed, mobyDick } from './testing.ts';
import { TextTokenizer } from './tokenizer.ts';
import { type TrainProgress, trainBpe } from './trainBpe.ts';

fc.configureGlobal({ seed: 1 });

describe('learnMerges', () => {
  it('equals counting all pairs again for each merge', async () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 12 });
    const words = fc.array(fc.tuple(word, fc.integer({ min: 1, max: 5 })), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(words, async (list) => {
        const counts = new Map(list);
        const { merges } = await learnMerges(counts, { symbols: 276, minFrequency: 2 });
        expect(merges).toEqual(slowMerges(counts, 276, 2));
      }),
      { numRuns: 200 },
    );
  });

  it('gives one symbol to a text that two merges spell', async () => {
    const counts = new Map([
      ['abc', 10],
      ['xbc', 20],
      ['ab', 15],
    ]);
    const { symbols } = await learnMerges(counts, { symbols: 300, minFrequency: 1 });
    expect(new Set(symbols).size).toBe(symbols.length);
  });
});

describe('countWords', () => {
  const split = (text: string) => text.split(' ');

  it('counts', async () => {
    expect(await countWords(listed(['a b a', 'b c']), { split })).toEqual(
      new Map(Object.entries({ a: 2, b: 2, c: 1 })),
    );
  });

  it('forgets the rarest words when there are too many', async () => {
    const rare = Array.from({ length: 100 }, (_, i) => `rare${i}`);
    const counts = await countWords(listed(rare.map((word) => `often ${word}`)), { split, maxWords: 10 });
    expect(counts.size).toBeLessThanOrEqual(10);
    expect(counts.get('often')).toBe(100);
  });
});

describe('trainBpe', () => {
  it('gives the wanted vocabulary, the same each time, of fewer tokens than bytes', async () => {
    const tokenizer = await byteLevelTokenizer();
    expect(tokenizer.vocabularySize).toBe(1000);
    const options = { vocabularySize: 1000, specialTokens: ['<|user|>', '<|end|>'] };
    const again = await trainBpe(mobyDick(), options);
    expect(again).toEqual({ json: tokenizer.json, config: tokenizer.config });
    const [chapter = ''] = await collect(mobyDick(1));
    expect(tokenizer.encode(chapter).length).toBeLessThan(chapter.length / 2.5);
  });

  it('keeps special tokens out of the words, and a template in the config', async () => {
    const documents = listed(['<|end|>'.repeat(50) + 'ab '.repeat(50)]);
    const { json, config } = await trainBpe(documents, {
      vocabularySize: 300,
      specialTokens: ['<|end|>'],
      chatTemplate: 'x',
    });
    expect(Object.keys(json.model.vocab).filter((token) => token.includes('|'))).toEqual([
      '<|endoftext|>',
      '<|end|>',
      '|',
    ]);
    expect(TextTokenizer.fromJson(json, config).chatTemplate).toBe('x');
  });

  it('reports progress and can be aborted', async () => {
    const seen: TrainProgress[] = [];
    await trainBpe(mobyDick(3), { vocabularySize: 400, onProgress: (progress) => seen.push(progress) });
    expect(seen[0]).toMatchObject({ phase: 'count' });
    expect(seen.at(-1)).toEqual({ phase: 'merge', vocabulary: 400, vocabularySize: 400 });
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(trainBpe(mobyDick(3), { vocabularySize: 400, signal })).rejects.toThrow('enough');
  });

  it('refuses options out of range and corpora without text', async () => {
    const train = (options: object, documents = ['a']) =>
      expect(trainBpe(listed(documents), { vocabularySize: 300, ...options })).rejects;
    await train({ vocabularySize: 256 }).toThrow(/vocabularySize: found 256, expected an integer from 257/);
    await train({ minFrequency: 0 }).toThrow(/minFrequency: found 0/);
    await train({ maxWords: 1 }).toThrow(/maxWords: found 1/);
    await train({ specialTokens: [''] }).toThrow(/specialTokens/);
    await train({}, ['', '']).toThrow(/documents without text/);
  });
});

/** The definition, without any bookkeeping. */
function slowMerges(words: ReadonlyMap<string, number>, symbols: number, minFrequency: number): Merge[] {
  const texts = new Map<string, number>();
  const spelled = [...words].map(([word, count]) => ({ ids: [...new TextEncoder().encode(word)], count }));
  const spelling: string[] = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
  for (const [id, text] of spelling.entries()) texts.set(text, id);
  const merges: Merge[] = [];
  while (spelling.length < symbols) {
    const counts = new Map<string, { pair: Merge; count: number }>();
    for (const { ids, count } of spelled) {
      for (let i = 1; i < ids.length; i++) {
        const pair: Merge = [ids[i - 1]!, ids[i]!];
        const entry = counts.get(String(pair)) ?? { pair, count: 0 };
        entry.count += count;
        counts.set(String(pair), entry);
      }
    }
    const ranked = [...counts.values()].sort(
      (x, y) => y.count - x.count || x.pair[0] - y.pair[0] || x.pair[1] - y.pair[1],
    );
    const best = ranked[0];
    if (best === undefined || best.count < minFrequency) break;
    const [left, right] = best.pair;
    const text = spelling[left]! + spelling[right]!;
    const merged = texts.get(text) ?? spelling.push(text) - 1;
    texts.set(text, merged);
    merges.push(best.pair);
    for (const word of spelled) {
      for (let i = 0; i + 1 < word.ids.length; i++) {
        if (word.ids[i] === left && word.ids[i + 1] === right) word.ids.splice(i, 2, merged);
      }
    }
  }
  return merges;
}
