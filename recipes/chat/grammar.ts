/**
 * Patterns that expand to many texts: `[Hi|Hello][ there|], {name}!`. Brackets choose one of their alternatives and may
 * be nested; braces insert a value.
 */
import type { SeededRandom } from '../../src/text/seededRandom.ts';

export type Slots = Readonly<Record<string, string>>;

/** Values stand between these marks until noise has been added, so that no typing error changes a value. */
const open = '\uE000';
const close = '\uE001';

export const valuePattern = new RegExp(`${open}[^${close}]*${close}`, 'g');

/** @throws RangeError for a slot without a value */
export function expand(pattern: string, random: SeededRandom, slots: Slots = {}): string {
  return capitalised(filled(alternatives(pattern, random), slots));
}

/** The pattern with one of each bracket's alternatives; its slots are still open. */
export function alternatives(pattern: string, random: SeededRandom): string {
  let text = pattern;
  for (let before = ''; before !== text; ) {
    before = text;
    text = text.replace(/\[([^[\]]*)\]/g, (_, inner: string) => {
      const found = inner.split('|');
      return found[random.integer(found.length)]!;
    });
  }
  return text;
}

export function filled(text: string, slots: Slots): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = slots[name];
    if (value === undefined) throw new RangeError(`pattern "${text}": no value for {${name}}`);
    return asValue(value);
  });
}

/** Marks a text as one that is repeated to the letter. */
export function asValue(text: string): string {
  return open + text + close;
}

export function withoutMarks(text: string): string {
  return text.replaceAll(open, '').replaceAll(close, '');
}

export function capitalised(text: string): string {
  return text.replace(
    /^([\uE000"“]*)([a-z])/,
    (_, before: string, letter: string) => before + letter.toUpperCase(),
  );
}

/** "a fox", "an owl" */
export function withArticle(noun: string): string {
  return `${/^([aeio]|u(?!ni))/i.test(noun) ? 'an' : 'a'} ${noun}`;
}

/** "a", "a and b", "a, b and c" */
export function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}
