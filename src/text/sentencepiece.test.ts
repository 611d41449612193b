import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.ts';
import { readSentencePiece } from './sentencepiece.ts';
import { llamaTokenizer, sentencePieceFile, toyPieces } from './testing.ts';

fc.configureGlobal({ seed: 1 });

describe('readSentencePiece', () => {
  it('encodes as SentencePiece does: the neighbours of the highest score merge first', () => {
    const tokenizer = llamaTokenizer();
    const tokens = (text: string) =>
      tokenizer.encode(text, { allowSpecial: true }).map((id) => tokenizer.token(id));
    expect(tokens('hello world')).toEqual(['<s>', '▁hello', '▁world']);
    expect(tokens('the  the')).toEqual(['<s>', '▁the', '▁▁', 't', 'he']);
    expect(tokens('é\n')).toEqual(['<s>', '▁', 'é', '<0x0A>']);
    expect(tokens('🙂')).toEqual(['<s>', '▁', '<0xF0>', '<0x9F>', '<0x99>', '<0x82>']);
    expect(tokens('</s>a')).toEqual(['<s>', '</s>', '▁', 'a']);
  });

  it('agrees with a plain reading of the scores', () => {
    const tokenizer = llamaTokenizer();
    const words = fc.array(
      fc.constantFrom(' ', '  ', 'hello', 'world', 'the', 'wor', 'ell', 'he', 'l', 'é', '.', '\n'),
    );
    fc.assert(
      fc.property(words, (parts) => {
        const text = parts.join('');
        const expected = text === '' ? [] : mergeByScore(`▁${text.replaceAll(' ', '▁')}`);
        expect(tokenizer.encode(text, { addSpecialTokens: false }).map((id) => tokenizer.token(id))).toEqual(
          expected,
        );
      }),
    );
  });

  it('names what it cannot read', () => {
    const refusal = (bytes: Uint8Array) => expect(() => readSentencePiece(bytes, 'a.model'));
    refusal(new Uint8Array()).toThrow(/a.model: pieces: found "none"/);
    refusal(sentencePieceFile(toyPieces, { modelType: 1 })).toThrow(/trainer_spec.model_type: found 1/);
    refusal(sentencePieceFile(toyPieces, { byteFallback: 0 })).toThrow(/byte_fallback/);
    refusal(sentencePieceFile(toyPieces, { name: 'nmt_nfkc' })).toThrow(
      /normalizer_spec.name: found "nmt_nfkc"/,
    );
    refusal(sentencePieceFile(toyPieces, { collapsesSpaces: 1 })).toThrow(/remove_extra_whitespaces/);
    refusal(sentencePieceFile([...toyPieces, ['he', -1, 1]])).toThrow(/same text twice/);
    refusal(sentencePieceFile([['', 0, 1]])).toThrow(/pieces\[0\]: found 0 characters/);
    refusal(Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f)).toThrow(/4294967295 bytes, but only 0 follow/);
    refusal(Uint8Array.of(0x0a)).toThrow(/ends inside a number/);
    refusal(Uint8Array.of(0x0b)).toThrow(/wire type 3/);
    refusal(new Uint8Array(12).fill(0x80)).toThrow(/more than 10 bytes/);
  });

  it('never fails otherwise than by InputError, on cut, changed and random bytes', () => {
    const whole = sentencePieceFile();
    const read = (bytes: Uint8Array) => {
      try {
        readSentencePiece(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(InputError);
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), read));
    fc.assert(fc.property(fc.nat(whole.length), (length) => read(whole.subarray(0, length))));
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
        const changed = whole.slice();
        changed[at] = byte;
        read(changed);
      }),
      { numRuns: 300 },
    );
  });
});

/** SentencePiece's rule, as it is stated: join the neighbours whose joined piece has the best score, leftmost first. */
function mergeByScore(text: string): string[] {
  const score = new Map(toyPieces.filter(([, , type]) => type === 1).map(([piece, value]) => [piece, value]));
  const parts = [...text];
  for (;;) {
    let best = Number.NEGATIVE_INFINITY;
    let at = -1;
    for (let i = 1; i < parts.length; i++) {
      const value = score.get(parts[i - 1]! + parts[i]!) ?? Number.NEGATIVE_INFINITY;
      if (value > best) [best, at] = [value, i - 1];
    }
    if (at < 0) break;
    parts.splice(at, 2, parts[at]! + parts[at + 1]!);
  }
  const hex = (byte: number) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
  return parts.flatMap((part) =>
    score.has(part) ? [part] : Array.from(new TextEncoder().encode(part), hex),
  );
}
