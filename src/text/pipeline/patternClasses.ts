/** Character classes of Oniguruma's syntax: `[a-z&&[^aeiou]]`, `\p{Lu}`, `\s`, `[[:alpha:]]`. */
import type { CharacterTest } from './characters.ts';
import { isWhiteSpace, memoized } from './characters.ts';
import type { PatternCursor } from './patternSyntax.ts';

const MAX_CLASS_DEPTH = 16;

/** Oniguruma's `\w`: of the numbers that are not decimal digits only those of Latin-1 (²³¹¼½¾), as opposed to ①. */
export const isPatternWord = memoized(/^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}²³¹¼½¾]$/u);
const isDigit = memoized(/^\p{Nd}$/u);
const isHexDigit = memoized(/^[0-9A-Fa-f]$/u);

const shorthand: Record<string, CharacterTest> = {
  s: isWhiteSpace,
  d: isDigit,
  w: isPatternWord,
  h: isHexDigit,
};

const posixClasses: Record<string, string> = {
  alpha: '\\p{Alphabetic}',
  digit: '\\p{Nd}',
  alnum: '\\p{Alphabetic}\\p{Nd}',
  upper: '\\p{Uppercase}',
  lower: '\\p{Lowercase}',
  space: '\\p{White_Space}',
  word: '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}',
};

const controls: Record<string, number> = { n: 10, r: 13, t: 9, f: 12, v: 11, a: 7, e: 27 };

/** A class with its brackets. */
export function parseClass(cursor: PatternCursor, depth = 0): CharacterTest {
  if (depth > MAX_CLASS_DEPTH) throw cursor.error('a class nested too deeply');
  cursor.next(); // [
  const negative = cursor.takes('^');
  const intersected: CharacterTest[] = [];
  let members: CharacterTest[] = [];
  for (let first = true; first || !cursor.sees(']'); first = false) {
    if (cursor.takes('&&')) {
      intersected.push(anyOf(members));
      members = [];
    } else if (first && cursor.takes(']')) members.push((code) => code === 0x5d);
    else members.push(parseMember(cursor, depth));
  }
  cursor.next(); // ]
  const last = anyOf(members);
  return negated((code) => last(code) && intersected.every((test) => test(code)), negative);
}

function parseMember(cursor: PatternCursor, depth: number): CharacterTest {
  const posix = cursor.match(/^\[:(\^?)([a-z]+):\]/);
  if (posix) {
    const members = posixClasses[posix[2]!];
    if (members === undefined) throw cursor.error(`the class [:${posix[2]}:]`);
    return negated(memoized(new RegExp(`^[${members}]$`, 'u')), posix[1] === '^');
  }
  if (cursor.sees('[')) return parseClass(cursor, depth + 1);
  const from = parseClassCharacter(cursor);
  if (typeof from === 'function') return from;
  if (!cursor.sees('-') || cursor.sees('-]')) return (code) => code === from;
  cursor.next();
  const to = parseClassCharacter(cursor);
  if (typeof to === 'function' || to < from)
    throw cursor.error('a range of characters that ends before its start');
  return (code) => code >= from && code <= to;
}

/** A code point, or the test of a set such as `\s`. */
function parseClassCharacter(cursor: PatternCursor): number | CharacterTest {
  if (cursor.sees('\\')) return parseEscape(cursor);
  return cursor.next().codePointAt(0)!;
}

export function parseEscapedSet(cursor: PatternCursor): CharacterTest {
  const found = parseEscape(cursor);
  return typeof found === 'function' ? found : (code) => code === found;
}

function parseEscape(cursor: PatternCursor): number | CharacterTest {
  cursor.next(); // the backslash
  const property = cursor.match(/^([pP])\{(\^?)([A-Za-z_ ]+)\}/);
  if (property) {
    const test = propertyTest(property[3]!);
    if (test === undefined) throw cursor.error(`the property ${property[3]}`);
    return negated(test, (property[1] === 'P') !== (property[2] === '^'));
  }
  const code = cursor.match(/^(?:x\{([0-9A-Fa-f]{1,6})\}|x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4}))/);
  if (code) {
    const value = Number.parseInt((code[1] ?? code[2] ?? code[3])!, 16);
    if (value > 0x10ffff) throw cursor.error('a code point beyond U+10FFFF');
    return value;
  }
  const letter = cursor.next();
  const set = shorthand[letter.toLowerCase()];
  if (set !== undefined) return negated(set, letter !== letter.toLowerCase());
  const control = controls[letter];
  if (control !== undefined) return control;
  if (/[A-Za-z0-9]/.test(letter)) throw cursor.error(`the escape \\${letter}`);
  return letter.codePointAt(0)!;
}

/** General categories, scripts and binary properties, by the names that both Oniguruma and JavaScript know. */
function propertyTest(name: string): CharacterTest | undefined {
  const posix = posixClasses[name.toLowerCase()];
  if (posix !== undefined) return memoized(new RegExp(`^[${posix}]$`, 'u'));
  for (const spelling of [name, `Script=${name}`]) {
    try {
      return memoized(new RegExp(`^\\p{${spelling}}$`, 'u'));
    } catch {
      // not a property of this kind
    }
  }
  return undefined;
}

/** The same test for letters of either case. */
export function folded(test: CharacterTest): CharacterTest {
  return (code) => {
    if (test(code)) return true;
    const text = String.fromCodePoint(code);
    const upper = text.toUpperCase();
    return [text.toLowerCase(), upper, upper.toLowerCase()].some((variant) => {
      const [only, ...more] = variant;
      return only !== undefined && more.length === 0 && test(only.codePointAt(0)!);
    });
  };
}

function anyOf(tests: readonly CharacterTest[]): CharacterTest {
  return tests.length === 1 ? tests[0]! : (code) => tests.some((test) => test(code));
}

function negated(test: CharacterTest, negative: boolean): CharacterTest {
  return negative ? (code) => !test(code) : test;
}
