/** What a step of `tokenizer.json` searches for: a text or a regular expression. */

import { isObject } from '../tokenizerJson.ts';
import type { CharacterTest } from './characters.ts';
import { PatternMatcher } from './patternMatcher.ts';
import { MAX_SETTING_CHARACTERS, type Settings } from './settings.ts';

/** Finds matches from left to right, as offsets. */
export type Search = (text: string) => Iterable<readonly [start: number, end: number]>;

/** The search for the setting `pattern`: `{ String }` or `{ Regex }`. */
export function searchOf(settings: Settings): Search {
  const pattern = settings.get('pattern');
  const literal = isObject(pattern) ? pattern.String : undefined;
  const regex = isObject(pattern) ? pattern.Regex : undefined;
  const source = literal ?? regex;
  if (typeof source !== 'string' || source.length > MAX_SETTING_CHARACTERS)
    throw settings.error(
      'pattern',
      `{"String": …} or {"Regex": …} of at most ${MAX_SETTING_CHARACTERS} characters`,
    );
  return literal === undefined ? regexSearch(source, settings.where) : textSearch(source);
}

/** The search for a regular expression in Oniguruma's syntax. */
export function regexSearch(source: string, where: string): Search {
  const known = knownPattern(source);
  if (known !== undefined) return nativeSearch(known);
  const matcher = new PatternMatcher(source, `${where}.pattern`);
  return (text) => matcher.matches(text);
}

function textSearch(sought: string): Search {
  return function* (text) {
    if (sought === '') return;
    for (let at = text.indexOf(sought); at >= 0; at = text.indexOf(sought, at + sought.length))
      yield [at, at + sought.length];
  };
}

/** Each character that passes the test is a match. */
export function characterSearch(test: CharacterTest): Search {
  return function* (text) {
    for (let at = 0; at < text.length; ) {
      const code = text.codePointAt(at)!;
      const end = at + (code > 0xffff ? 2 : 1);
      if (test(code)) yield [at, end];
      at = end;
    }
  };
}

/** For patterns that JavaScript's engine matches in linear time. */
export function nativeSearch(pattern: RegExp): Search {
  return function* (text) {
    for (const { index, 0: found } of text.matchAll(pattern)) yield [index, index + found.length];
  };
}

/** GPT-2's pattern, which the ByteLevel step contains. */
export const GPT2_PATTERN =
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

const spaces = '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
const words = '[^\\r\\n\\p{L}\\p{N}]?\\p{L}+';
const signs = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*';
const endings = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const shortEndings = "'(?i:[sdmt]|ll|ve|re)";
const upper = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]';
const lower = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]';
const start = '[^\\r\\n\\p{L}\\p{N}]?';

/**
 * The patterns of GPT-2, GPT-4, Llama 3, Qwen, GPT-4o and this project read any text in linear time, so
 * JavaScript's engine, which is about 20 times as fast, may run them. Others run under a bound of work.
 */
const linearPatterns: ReadonlySet<string> = new Set([
  GPT2_PATTERN,
  ...['\\p{N}', '\\p{N}{1,2}', '\\p{N}{1,3}'].flatMap((digits) =>
    [endings, shortEndings].map((ends) => [ends, words, digits, signs, spaces].join('|')),
  ),
  [
    `${start}${upper}*${lower}+${endings}?`,
    `${start}${upper}+${lower}*${endings}?`,
    '\\p{N}{1,3}',
    ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*',
    spaces,
  ].join('|'),
  '\\p{N}{1,3}',
  '\\p{N}',
  '\\s+',
]);

function knownPattern(source: string): RegExp | undefined {
  if (!linearPatterns.has(source)) return undefined;
  const inJavaScript = source
    .replaceAll(endings, "(?:'[sSſ]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])")
    .replaceAll(shortEndings, "'(?:[sSſdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])")
    .replaceAll('\\s', '\\p{White_Space}')
    .replaceAll('\\S', '\\P{White_Space}');
  return new RegExp(inJavaScript, 'gu');
}
