/**
 * The bytes that each token stands for.
 *
 * Whatever the decoder of a `tokenizer.json` is called, decoding is the same act: join the tokens' bytes and
 * read them as UTF-8. Byte-level tokens spell bytes in a character alphabet, byte-fallback tokens are `<0x0A>`,
 * the others are text with ▁ for the space. One table of bytes therefore serves whole texts and streams.
 */
import { InputError } from '../errors.ts';
import { byteOfCharacter } from './byteAlphabet.ts';
import type { Component, TokenizerJson } from './tokenizerJson.ts';

export interface TokenBytes {
  /** The bytes of the token `id`; those of U+FFFD for an id without a token. */
  of(id: number): Uint8Array;
  /** Whether one space at the start of a text is the tokenizer's own and not the text's. */
  readonly dropsFirstSpace: boolean;
}

/**
 * @param tokens id → the token as the vocabulary spells it
 * @param source the file's name, for messages
 */
export function tokenBytes(
  json: TokenizerJson,
  tokens: readonly (string | undefined)[],
  source: string,
): TokenBytes {
  const style = decodingStyle(json.decoder, source);
  const added = new Set(json.added_tokens.map((token) => token.id));
  const table: (Uint8Array | undefined)[] = [];
  const spell = (token: string, id: number): Uint8Array => {
    if (style.byteLevel && !added.has(id)) return bytesOfAlphabet(token) ?? utf8.encode(token);
    if (style.byteFallback && /^<0x[0-9A-Fa-f]{2}>$/.test(token))
      return Uint8Array.of(Number(token.slice(1, 5)));
    return utf8.encode(style.space === undefined ? token : token.replaceAll(style.space, ' '));
  };
  return {
    dropsFirstSpace: style.dropsFirstSpace,
    of(id) {
      const token = tokens[id];
      if (token === undefined) return replacement;
      table[id] ??= spell(token, id);
      return table[id];
    },
  };
}

const utf8 = new TextEncoder();
const replacement = utf8.encode('\uFFFD');

interface DecodingStyle {
  byteLevel: boolean;
  byteFallback: boolean;
  /** what the vocabulary writes for a space */
  space: string | undefined;
  dropsFirstSpace: boolean;
}

function decodingStyle(decoder: Component | null, source: string): DecodingStyle {
  const style: DecodingStyle = {
    byteLevel: false,
    byteFallback: false,
    space: undefined,
    dropsFirstSpace: false,
  };
  const steps =
    decoder?.type === 'Sequence' ? (decoder.decoders as Component[] | undefined) : decoder ? [decoder] : [];
  if (!Array.isArray(steps)) throw new InputError(`${source}: decoder.decoders: expected a list of decoders`);
  for (const step of steps) {
    if (step?.type === 'ByteLevel') style.byteLevel = true;
    else if (step?.type === 'ByteFallback') style.byteFallback = true;
    else if (step?.type === 'Replace' && isSpaceReplacement(step)) {
      style.space = (step.pattern as { String: string }).String;
    } else if (step?.type === 'Metaspace') {
      style.space = typeof step.replacement === 'string' && step.replacement !== '' ? step.replacement : '▁';
      style.dropsFirstSpace = step.prepend_scheme !== 'never' && step.add_prefix_space !== false;
    } else if (step?.type === 'Strip' && step.content === ' ' && step.start === 1 && !step.stop) {
      style.dropsFirstSpace = true;
    } else if (step?.type !== 'Fuse') {
      throw new InputError(
        `${source}: decoder: found a step ${JSON.stringify(step)?.slice(0, 120)}, expected ByteLevel, Metaspace, ` +
          'ByteFallback, Fuse, Replace of one text by a space, or Strip of one space at the start',
      );
    }
  }
  return style;
}

function isSpaceReplacement(step: Component): boolean {
  const pattern = step.pattern as { String?: unknown } | undefined;
  return step.content === ' ' && typeof pattern?.String === 'string' && pattern.String !== '';
}

function bytesOfAlphabet(token: string): Uint8Array | undefined {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = byteOfCharacter.get(token[i]!);
    if (byte === undefined) return undefined;
    bytes[i] = byte;
  }
  return bytes;
}
