/** Encoding and decoding against Hugging Face's Rust library: scripts/reference/tokenizerFixtures.py wrote its results. */
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { TextTokenizer } from '../tokenizer.ts';

interface Fixtures {
  texts: string[];
  models: Record<string, object>;
  cases: {
    name: string;
    model: string;
    tokenizer: object;
    ids: number[][];
    /** Ids with special tokens in the text as text; null: the same. */
    literal: (number[] | null)[];
    decoded: string[] | null;
  }[];
}

const file = new URL('../../../test/fixtures/tokenizers.json.gz', import.meta.url);
const { texts, models, cases } = JSON.parse(gunzipSync(await readFile(file)).toString()) as Fixtures;

it('covers at least 60 pipelines and 60 texts', () => {
  expect(cases.length).toBeGreaterThanOrEqual(60);
  expect(texts.length).toBeGreaterThanOrEqual(60);
});

describe.each(cases)('$name', ({ model, tokenizer: json, ids, literal, decoded }) => {
  const content = { ...json, model: models[model] };

  it('encodes as the Rust library does', () => {
    const tokenizer = TextTokenizer.fromJson(content);
    const found = texts.map((text) => ({ text, ids: tokenizer.encode(text, { allowSpecial: true }) }));
    expect(found).toEqual(texts.map((text, index) => ({ text, ids: ids[index] })));
  });

  it('encodes special tokens as text unless asked', () => {
    const tokenizer = TextTokenizer.fromJson(content);
    const found = texts.map((text) => ({ text, ids: tokenizer.encode(text, { addSpecialTokens: false }) }));
    expect(found).toEqual(texts.map((text, index) => ({ text, ids: literal[index] ?? ids[index] })));
  });

  it.runIf(decoded !== null)('decodes as the Rust library does', () => {
    const tokenizer = TextTokenizer.fromJson(content);
    const found = texts.map((text, index) => ({ text, decoded: tokenizer.decode(ids[index]!) }));
    expect(found).toEqual(texts.map((text, index) => ({ text, decoded: decoded![index] })));
  });
});
