/**
 * Keeps the text of messages as text. A template writes messages and its own control tokens into one string; a message
 * that spells a control token, such as `<|end|>`, must not become one. Such spellings are marked before the template
 * runs, and the marks are removed afterwards: they show which spellings come from messages.
 */
import { InputError } from '../errors.ts';

/** A rendered chat: its text, and which special tokens in it are the template's own. */
export interface ChatPrompt {
  readonly text: string;
  readonly allowSpecial: (start: number, end: number) => boolean;
}

/** Characters that Unicode reserves for internal use. */
const FIRST_MARK = 0xfdd0;
const MARKS = 32;

/**
 * Renders messages so that special tokens which they spell stay text.
 * @param specials the special tokens
 * @param render the template, which must not write marks of its own
 */
export function renderLiterally<T>(
  given: T,
  specials: readonly string[],
  render: (given: T) => string,
): ChatPrompt {
  const texts = [...textsIn(given)];
  const spells = texts.some((text) => specials.some((special) => touches(text, special)));
  if (!spells) return { text: render(given), allowSpecial: () => true };
  const mark = unusedMark(texts);
  const marked = mapTexts(given, (text) => markedText(text, specials, mark));
  const [first = '', ...rest] = render(marked).split(mark);
  let text = first;
  const breaks: number[] = [];
  for (const part of rest) {
    breaks.push(text.length);
    text += part;
  }
  return { text, allowSpecial: (start, end) => !(firstAbove(breaks, start) <= end) };
}

/**
 * Texts of messages and tools, at any depth. Roles and the names of fields are words of the template; names inside of
 * parameters and arguments are data.
 */
function* textsIn(value: unknown, isData = false): Generator<string> {
  if (typeof value === 'string') yield value;
  if (typeof value !== 'object' || value === null) return;
  for (const [name, item] of Object.entries(value)) {
    if (isData && !Array.isArray(value)) yield name;
    if (isData || !isWord(name, item)) yield* textsIn(item, isData || holdsData(name));
  }
}

function mapTexts<T>(value: T, change: (text: string) => string, isData = false): T {
  if (typeof value === 'string') return change(value) as T;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, change, isData)) as T;
  const entries = Object.entries(value).map(([name, item]) => [
    isData ? change(name) : name,
    !isData && isWord(name, item) ? item : mapTexts(item, change, isData || holdsData(name)),
  ]);
  return Object.fromEntries(entries) as T;
}

function holdsData(name: string): boolean {
  return name === 'parameters' || name === 'arguments';
}

function isWord(name: string, value: unknown): boolean {
  return name === 'role' || (name === 'type' && value === 'function');
}

/** The first of ascending numbers that is larger than `bound`; Infinity if none is. */
function firstAbove(numbers: readonly number[], bound: number): number {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle]! > bound) high = middle;
    else low = middle + 1;
  }
  return numbers[low] ?? Number.POSITIVE_INFINITY;
}

function unusedMark(texts: readonly string[]): string {
  for (let code = FIRST_MARK; code < FIRST_MARK + MARKS; code++) {
    const mark = String.fromCharCode(code);
    if (!texts.some((text) => text.includes(mark))) return mark;
  }
  throw new InputError(
    'messages: found all characters from U+FDD0 to U+FDEF, expected at least one to be absent',
  );
}

/** Whether `text` contains `special`, begins with an end of it or ends with a beginning of it. */
function touches(text: string, special: string): boolean {
  return text.includes(special) || beginsInside(text, special) || endsInside(text, special);
}

function beginsInside(text: string, special: string): boolean {
  for (let at = 1; at < special.length; at++) if (text.startsWith(special.slice(at))) return true;
  return false;
}

function endsInside(text: string, special: string): boolean {
  for (let at = 1; at < special.length; at++) if (text.endsWith(special.slice(0, at))) return true;
  return false;
}

/** A mark follows the first character of each spelling, and precedes or follows a text that a spelling may extend beyond. */
function markedText(text: string, specials: readonly string[], mark: string): string {
  let marked = text;
  for (const special of specials) {
    const [character = ''] = special;
    marked = marked.replaceAll(special, () => character + mark + special.slice(character.length));
  }
  if (specials.some((special) => beginsInside(text, special))) {
    const [character = ''] = marked;
    marked = character + mark + marked.slice(character.length);
  }
  return specials.some((special) => endsInside(text, special)) ? marked + mark : marked;
}
