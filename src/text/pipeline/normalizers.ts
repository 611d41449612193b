/** Normalizers of `tokenizer.json`: they rewrite a text before it is cut into words. */
import { InputError } from '../../errors.ts';
import { characterOfByte } from '../byteAlphabet.ts';
import type { Component } from '../tokenizerJson.ts';
import { type CharacterTest, isMark, isNonSpacingMark, isWhiteSpace } from './characters.ts';
import { searchOf } from './patterns.ts';
import { precompiledNormalizer } from './precompiled.ts';
import { type Settings, stepsOf } from './settings.ts';

/** @param continues whether the text continues an earlier one, so that nothing may be put before it */
export type Normalize = (text: string, continues?: boolean) => string;

/** Normalizing may make a text this many times as long, beside a constant: NFKD takes 18 for one Arabic sign. */
const MAX_GROWTH = 32;
const FREE_GROWTH = 4096;

/** The normalizer of a `tokenizer.json`; undefined if texts stay as they are. */
export function normalizerOf(component: Component | null, where: string): Normalize | undefined {
  const steps = stepsOf(component, 'normalizers', where).map((settings) => ({
    run: stepOf(settings),
    settings,
  }));
  if (steps.length === 0) return undefined;
  return (text, continues = false) => {
    const bound = MAX_GROWTH * text.length + FREE_GROWTH;
    let result = text;
    for (const { run, settings } of steps) {
      result = run(result, continues);
      if (result.length > bound) {
        throw new InputError(
          `${settings.where}: made ${result.length} characters of ${text.length}, expected at most ${MAX_GROWTH} times as many`,
        );
      }
    }
    return result;
  };
}

function stepOf(settings: Settings): Normalize {
  switch (settings.type) {
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD': {
      const form = settings.type;
      return (text) => text.normalize(form);
    }
    case 'Lowercase':
      return lowercase;
    case 'StripAccents':
      return (text) => without(text, isMark);
    case 'Strip':
      return strip(settings.boolean('strip_left', true), settings.boolean('strip_right', true));
    case 'Replace':
      return replace(settings);
    case 'Prepend': {
      const prepend = settings.text('prepend');
      return (text, continues) => (text === '' || continues ? text : prepend + text);
    }
    case 'ByteLevel':
      return (text) => Array.from(utf8.encode(text), (byte) => characterOfByte[byte]).join('');
    case 'BertNormalizer':
      return bert(settings);
    case 'Nmt':
      return nmt;
    case 'Precompiled':
      return precompiledNormalizer(settings);
    default:
      throw settings.unknownType(
        'Sequence, NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Strip, Replace, Prepend, ByteLevel, ' +
          'BertNormalizer, Nmt or Precompiled',
      );
  }
}

const utf8 = new TextEncoder();

/** Character by character: in a whole text JavaScript would write the last sigma of a word differently. */
function lowercase(text: string): string {
  return eachCharacter(text, (character) => character.toLowerCase());
}

function without(text: string, removed: CharacterTest): string {
  return eachCharacter(text, (character) => (removed(character.codePointAt(0)!) ? '' : character));
}

function eachCharacter(text: string, change: (character: string) => string): string {
  let result = '';
  for (const character of text) result += change(character);
  return result;
}

function strip(left: boolean, right: boolean): Normalize {
  return (text) => {
    let start = 0;
    let end = text.length;
    while (left && start < end && isWhiteSpace(text.charCodeAt(start))) start++;
    while (right && end > start && isWhiteSpace(text.charCodeAt(end - 1))) end--;
    return text.slice(start, end);
  };
}

function replace(settings: Settings): Normalize {
  const search = searchOf(settings);
  const content = settings.text('content');
  return (text) => {
    let result = '';
    let at = 0;
    const bound = MAX_GROWTH * text.length + FREE_GROWTH;
    for (const [start, end] of search(text)) {
      result += text.slice(at, start) + content;
      at = end;
      if (result.length > bound) break; // refused by the caller
    }
    return result + text.slice(at);
  };
}

function bert(settings: Settings): Normalize {
  const lower = settings.boolean('lowercase', true);
  const accents = settings.get('strip_accents') ?? lower;
  const steps = [
    settings.boolean('clean_text', true) ? cleaned : undefined,
    settings.boolean('handle_chinese_chars', true) ? spacedChinese : undefined,
    accents === true ? (text: string) => without(text.normalize('NFD'), isNonSpacingMark) : undefined,
    lower ? lowercase : undefined,
  ].filter((step) => step !== undefined);
  return (text) => steps.reduce((result, step) => step(result), text);
}

const removedByBert = /^[\p{Cc}\p{Cf}\p{Co}\p{Cn}]$/u;

function cleaned(text: string): string {
  return eachCharacter(text, (character) => {
    if (character === '\t' || character === '\n' || character === '\r') return ' ';
    if (character === '\uFFFD' || removedByBert.test(character)) return '';
    return isWhiteSpace(character.codePointAt(0)!) ? ' ' : character;
  });
}

const chinese =
  /^[\u4E00-\u9FFF\u3400-\u4DBF\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B920}-\u{2CEAF}\uF900-\uFAFF\u{2F800}-\u{2FA1F}]$/u;

function spacedChinese(text: string): string {
  return eachCharacter(text, (character) => (chinese.test(character) ? ` ${character} ` : character));
}

const spaceOfNmt = /^[\t\n\f\r\u1680\u200B-\u200F\u2028\u2029\u2581\uFEFF\uFFFD]$/;

function isRemovedByNmt(code: number): boolean {
  const control = (code >= 1 && code <= 8) || code === 0x0b || (code >= 0x0e && code <= 0x1f);
  return control || code === 0x7f || code === 0x8f || code === 0x9f;
}

function nmt(text: string): string {
  return eachCharacter(text, (character) => {
    if (isRemovedByNmt(character.codePointAt(0)!)) return '';
    return spaceOfNmt.test(character) ? ' ' : character;
  });
}
