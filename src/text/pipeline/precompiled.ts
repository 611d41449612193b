/**
 * SentencePiece's compiled normalisation: a double-array trie from texts to their replacements.
 *
 *     u32 bytes of the trie, the trie as u32 units, then the replacements, each ended by a zero byte
 *
 * A grapheme of up to 5 bytes is replaced as a whole if the trie has it, otherwise its characters are one by one.
 */
import { InputError } from '../../errors.ts';
import type { Settings } from './settings.ts';

const MAX_GRAPHEME_BYTES = 5;
const MAX_BYTES = 2 ** 22;

export function precompiledNormalizer(settings: Settings): (text: string) => string {
  const { units, replacements } = readCharacterMap(settings);
  const replacementOf = (text: string): string | undefined => {
    const start = lookUp(units, utf8.encode(text));
    if (start === undefined || start >= replacements.length) return undefined;
    const end = replacements.indexOf(0, start);
    return decoder.decode(replacements.subarray(start, end < 0 ? undefined : end));
  };
  const replaced = (grapheme: string): string => {
    const whole = utf8.encode(grapheme).length <= MAX_GRAPHEME_BYTES ? replacementOf(grapheme) : undefined;
    if (whole !== undefined) return whole;
    let result = '';
    for (const character of grapheme) result += replacementOf(character) ?? character;
    return result;
  };
  return (text) => {
    let result = '';
    for (const { segment } of graphemes.segment(text)) result += replaced(segment);
    return result;
  };
}

const utf8 = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

function readCharacterMap(settings: Settings): { units: Uint32Array; replacements: Uint8Array } {
  const encoded = settings.get('precompiled_charsmap');
  if (typeof encoded !== 'string' || encoded.length > 2 * MAX_BYTES)
    throw settings.error('precompiled_charsmap', `base64 of at most ${MAX_BYTES} bytes`);
  let bytes: Uint8Array;
  try {
    bytes = Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
  } catch (cause) {
    throw new InputError(`${settings.where}.precompiled_charsmap: not base64`, { cause });
  }
  const view = new DataView(bytes.buffer);
  const trieBytes = bytes.length >= 4 ? view.getUint32(0, true) : -1;
  if (trieBytes < 0 || trieBytes % 4 !== 0 || trieBytes + 4 > bytes.length)
    throw settings.error('precompiled_charsmap', 'a length, a trie of that length and replacements');
  const units = Uint32Array.from({ length: trieBytes / 4 }, (_, at) => view.getUint32(4 + 4 * at, true));
  return { units, replacements: bytes.subarray(4 + trieBytes) };
}

/** The value of the shortest beginning of `key` that the trie holds. */
function lookUp(units: Uint32Array, key: Uint8Array): number | undefined {
  let at = offsetOf(units[0] ?? 0);
  for (const byte of key) {
    if (byte === 0) return undefined;
    at ^= byte;
    const unit = units[at];
    if (unit === undefined || (unit & 0x8000_00ff) >>> 0 !== byte) return undefined;
    at ^= offsetOf(unit);
    if (((unit >>> 8) & 1) === 1) {
      const leaf = units[at];
      return leaf === undefined ? undefined : leaf & 0x7fff_ffff;
    }
  }
  return undefined;
}

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}
