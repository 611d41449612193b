import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.ts';
import { BoundedCache } from './boundedCache.ts';
import { saveTokenizer } from './saveTokenizer.ts';
import { byteLevelTokenizer, llamaTokenizer, sentencePieceFile } from './testing.ts';
import { TextTokenizer } from './tokenizer.ts';

fc.configureGlobal({ seed: 1 });

const KINDS = [
  { name: 'byte level', load: byteLevelTokenizer },
  { name: 'Llama', load: async () => llamaTokenizer() },
  { name: 'GPT-2', load: async () => gpt2Like(await byteLevelTokenizer()) },
  { name: 'Metaspace', load: async () => metaspaceLike(llamaTokenizer()) },
];

const ODD_TEXTS = [
  '',
  ' ',
  '  a',
  'a ',
  '\r\n\r\n x',
  '🙂👩‍👩‍👧',
  'e\u0301',
  '\u0301',
  '\uFEFFa',
  '▁a',
  'hello\nworld\n\n',
  '\0',
];
/** Any well-formed text, with much of what the toy vocabularies know. */
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc
    .array(fc.constantFrom(' ', '  ', 'hello', 'world', 'the', '\n', '\r\n', 'é', '🙂', '.', '12', "'s", '▁'))
    .map((parts) => parts.join('')),
);

describe.each(KINDS)('$name tokenizer', ({ name, load }) => {
  // ▁ in a text cannot be told from a space afterwards: the scheme loses it, not this code.
  const keeps = (text: string) =>
    name === 'Llama' || name === 'Metaspace' ? text.replaceAll('▁', ' ') : text;
  // Metaspace adds no space before a text that has one, but takes one away.
  const comesBack = (text: string) =>
    name === 'Metaspace' && /^[ ▁]/.test(text) ? keeps(text).slice(1) : keeps(text);

  it('gives each text back', async () => {
    const tokenizer = await load();
    const check = (text: string) => {
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(comesBack(text));
    };
    ODD_TEXTS.forEach(check);
    fc.assert(fc.property(anyText, check));
  });

  it('streams any ids as it decodes them, never part of a character', async () => {
    const tokenizer = await load();
    const anyIds = fc.array(fc.nat(tokenizer.vocabularySize + 3), { maxLength: 40 });
    fc.assert(
      fc.property(
        fc.oneof(
          anyIds,
          anyText.map((text) => tokenizer.encode(text)),
        ),
        fc.boolean(),
        (ids, skipSpecialTokens) => {
          const stream = tokenizer.stream({ skipSpecialTokens });
          const pieces = [...ids.map((id) => stream.push(id)), stream.end()];
          expect(pieces.every((piece) => piece.isWellFormed())).toBe(true);
          expect(pieces.join('')).toBe(tokenizer.decode(ids, { skipSpecialTokens }));
        },
      ),
    );
  });
});

describe('TextTokenizer', () => {
  it('holds a character back until its last byte', async () => {
    const tokenizer = await byteLevelTokenizer();
    const ids = tokenizer.encode('🙂', { addSpecialTokens: false });
    expect(ids).toHaveLength(4);
    const stream = tokenizer.stream();
    expect(ids.map((id) => stream.push(id))).toEqual(['', '', '', '🙂']);
    expect(ids.slice(0, 3).map((id) => stream.push(id))).toEqual(['', '', '']);
    expect(stream.end()).toBe('\uFFFD');
  });

  it('keeps the space of a continued text, and drops only the space before a whole text', () => {
    const tokenizer = llamaTokenizer();
    const stream = tokenizer.stream();
    for (const id of tokenizer.encode('hello')) stream.push(id);
    expect(stream.push(tokenizer.tokenId('▁world')!)).toBe(' world');
    const fresh = tokenizer.stream();
    expect(fresh.push(tokenizer.bosTokenId!)).toBe('');
    expect(fresh.push(tokenizer.tokenId('▁world')!)).toBe('world');
  });

  it('knows its special tokens', async () => {
    const tokenizer = await byteLevelTokenizer();
    expect([tokenizer.bosTokenId, tokenizer.eosTokenId, tokenizer.vocabularySize]).toEqual([0, 0, 1000]);
    expect(tokenizer.encode('<|user|>x<|end|>', { addSpecialTokens: false, allowSpecial: true })).toEqual([
      1,
      tokenizer.tokenId('x'),
      2,
    ]);
    expect(tokenizer.encode('')).toEqual([0]);
    expect(tokenizer.decode([1, 2])).toBe('');
    expect(tokenizer.decode([1, 2], { skipSpecialTokens: false })).toBe('<|user|><|end|>');
    expect(tokenizer.isSpecial(1)).toBe(true);
    expect(tokenizer.encode('\uD800')).toEqual(tokenizer.encode('\uFFFD'));
  });

  it('finds the chat template in each of its forms', async () => {
    const { json } = await byteLevelTokenizer();
    const template = (chat_template: unknown) => TextTokenizer.fromJson(json, { chat_template }).chatTemplate;
    expect(template('x')).toBe('x');
    expect(
      template([
        { name: 'tool', template: 'a' },
        { name: 'default', template: 'b' },
      ]),
    ).toBe('b');
    expect(template(undefined)).toBeUndefined();
    expect(() => template(7)).toThrow(/chat_template: found 7/);
  });

  it('names file and field of a malformed tokenizer', async () => {
    const { json } = await byteLevelTokenizer();
    const model = json.model;
    const cases: [unknown, RegExp][] = [
      [null, /^tokenizer.json: the content: found null/],
      [{}, /model: found nothing/],
      [{ ...json, model: { ...model, type: 'X' } }, /model.type: found "X"/],
      [{ ...json, model: { ...model, vocab: { a: -1 } } }, /model.vocab\["a"\]: found -1/],
      [{ ...json, model: { ...model, vocab: { a: 1e9 } } }, /model.vocab\["a"\]: found 1000000000/],
      [{ ...json, model: { ...model, merges: ['a'] } }, /model.merges\[0\]: found "a"/],
      [{ ...json, model: { ...model, merges: [['a', 'nowhere']] } }, /model.merges\[0\].*"nowhere"/],
      [{ ...json, added_tokens: [{ id: 1, content: '' }] }, /added_tokens\[0\].content: found ""/],
      [{ ...json, decoder: { type: 'CTC' } }, /decoder: found a step/],
      [{ ...json, normalizer: 'x' }, /normalizer: found "x"/],
      [
        { ...json, pre_tokenizer: { type: 'Split', pattern: { Regex: '(' } } },
        /tokenizer.json: .*regular expression/i,
      ],
      [{ ...json, post_processor: { type: 'TemplateProcessing' } }, /post_processor.single: found nothing/],
    ];
    for (const [content, message] of cases) {
      expect(() => TextTokenizer.fromJson(content)).toThrow(InputError);
      expect(() => TextTokenizer.fromJson(content)).toThrow(message);
    }
    expect(() => TextTokenizer.fromJson(json, { eos_token: '<nope>' })).toThrow(/eos_token: found "<nope>"/);
  });

  it('refuses damaged content with an InputError, whatever is damaged', async () => {
    const { json } = llamaTokenizer();
    const field = fc.constantFrom(
      'added_tokens',
      'normalizer',
      'pre_tokenizer',
      'post_processor',
      'decoder',
      'model',
    );
    fc.assert(
      fc.property(field, fc.jsonValue(), (name, value) => {
        const content: Record<string, unknown> = { ...json, [name]: value };
        for (const damaged of [content, { ...json, [name]: { ...(json[name] as object), type: value } }]) {
          try {
            TextTokenizer.fromJson(damaged);
          } catch (error) {
            expect(error).toBeInstanceOf(InputError);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('loads and saves folders', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tokenizer-'));
    try {
      await expect(TextTokenizer.load(folder)).rejects.toThrow(/expected tokenizer.json or tokenizer.model/);
      await writeFile(join(folder, 'tokenizer.model'), sentencePieceFile());
      expect((await TextTokenizer.load(folder)).encode('hello world')).toEqual(
        llamaTokenizer().encode('hello world'),
      );
      const tokenizer = await byteLevelTokenizer();
      await saveTokenizer(folder, tokenizer);
      await writeFile(join(folder, 'chat_template.jinja'), '{{ messages }}');
      const loaded = await TextTokenizer.load(folder);
      expect(loaded.json).toEqual(tokenizer.json);
      expect(loaded.chatTemplate).toBe('{{ messages }}');
      await writeFile(join(folder, 'tokenizer.json'), '{');
      await expect(TextTokenizer.load(folder)).rejects.toThrow(/tokenizer.json: expected JSON/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

it('BoundedCache holds two generations at most, and keeps what is in use', () => {
  const cache = new BoundedCache<number>(10);
  cache.set('often', -1);
  for (let i = 0; i < 100; i++) {
    cache.set(String(i), i);
    expect(cache.get('often')).toBe(-1);
    expect(cache.size).toBeLessThanOrEqual(20);
  }
  expect(cache.get('0')).toBeUndefined();
});

/** The same merges behind GPT-2's pre-tokeniser, without a post-processor, merges in the old spelling. */
function gpt2Like({ json, config }: TextTokenizer): TextTokenizer {
  const merges = json.model.merges!.map((pair) => (pair as string[]).join(' '));
  return TextTokenizer.fromJson(
    {
      ...json,
      post_processor: null,
      pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
      model: { ...json.model, merges },
    },
    config,
  );
}

/** Llama's newer form: a Metaspace pre-tokeniser in place of the normaliser. */
function metaspaceLike({ json, config }: TextTokenizer): TextTokenizer {
  const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', split: false };
  return TextTokenizer.fromJson({ ...json, normalizer: null, pre_tokenizer: metaspace }, config);
}
