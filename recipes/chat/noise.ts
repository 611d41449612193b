/** How people type: without capitals and full stops, with a letter too few, too many, or in the wrong place. */
import type { SeededRandom } from '../../src/text/seededRandom.ts';
import { valuePattern } from './grammar.ts';

const habits: readonly (readonly [RegExp, string])[] = [
  [/\byou\b/gi, 'u'],
  [/\bare\b/gi, 'r'],
  [/\bplease\b/gi, 'pls'],
  [/\bwhat is\b/gi, 'whats'],
  [/\bwhat's\b/gi, 'whats'],
  [/\bdon't\b/gi, 'dont'],
  [/\bcan't\b/gi, 'cant'],
  [/\bi'm\b/gi, 'im'],
  [/\bthanks\b/gi, 'thx'],
  [/\band\b/gi, '&'],
];

/** Changes about half of all messages. Values of slots keep their letters. */
export function noisy(text: string, random: SeededRandom): string {
  if (random.uniform() < 0.5) return text;
  let changed = text;
  if (random.uniform() < 0.6) changed = outsideValues(changed, (part) => part.toLowerCase());
  if (random.uniform() < 0.5) changed = changed.replace(/(?<=\w)[.?!]+$/, '');
  if (random.uniform() < 0.12) {
    const [found, short] = habits[random.integer(habits.length)]!;
    changed = outsideValues(changed, (part) => part.replace(found, short));
  }
  if (random.uniform() < 0.3) changed = misspelt(changed, random);
  if (random.uniform() < 0.03) changed = outsideValues(changed, (part) => part.toUpperCase());
  if (random.uniform() < 0.05) changed += ['!', '!!', '??', ' :)', ' ...'][random.integer(5)]!;
  return changed;
}

function outsideValues(text: string, change: (part: string) => string): string {
  const values = text.match(valuePattern) ?? [];
  return text
    .split(valuePattern)
    .map((part, k) => change(part) + (values[k] ?? ''))
    .join('');
}

/** One wrong letter in one word of four or more. */
function misspelt(text: string, random: SeededRandom): string {
  const places = [...text.matchAll(/[a-z]{4,}/gi)].filter(({ index }) => !isInValue(text, index));
  if (places.length === 0) return text;
  const { index, 0: word } = places[random.integer(places.length)]!;
  const at = 1 + random.integer(word.length - 2);
  const [a, b] = [word[at]!, word[at + 1]!];
  const middle = [b + a, b, a + a + b][random.integer(3)]!;
  return (
    text.slice(0, index) + word.slice(0, at) + middle + word.slice(at + 2) + text.slice(index + word.length)
  );
}

function isInValue(text: string, index: number): boolean {
  return [...text.matchAll(valuePattern)].some(
    (value) => value.index < index && index < value.index + value[0].length,
  );
}
