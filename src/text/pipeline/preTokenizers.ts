/** Pre-tokenizers of `tokenizer.json`: they cut a normalised text into words, which the model then encodes. */
import { characterOfByte } from '../byteAlphabet.ts';
import type { Component } from '../tokenizerJson.ts';
import { isNumeric, isPunctuation, isWhiteSpace } from './characters.ts';
import {
  characterSearch,
  GPT2_PATTERN,
  nativeSearch,
  regexSearch,
  type Search,
  searchOf,
} from './patterns.ts';
import { type Settings, stepsOf } from './settings.ts';
import { SPLIT_BEHAVIORS, split } from './splits.ts';

/** The position of a text: whether it is the beginning of the whole, and whether it continues an earlier text. */
export interface Place {
  readonly first: boolean;
  readonly continues: boolean;
}

type Cut = (text: string, place: Place) => Iterable<string>;

export interface PreTokenizer {
  /** The words of a text, in order, none empty. */
  words(text: string, place: Place): Iterable<string>;
  /** A word as the model's vocabulary spells it. */
  spell(word: string): string;
}

/** The pre-tokenizer of a `tokenizer.json`. A last step that spells bytes is left to `spell`, for the words that need it. */
export function preTokenizerOf(component: Component | null, where: string): PreTokenizer {
  const steps = stepsOf(component, 'pretokenizers', where);
  const last = steps.at(-1);
  const spells = last?.type === 'ByteLevel';
  const cuts = steps.map((settings) =>
    spells && settings === last ? byteLevelCut(settings) : cutOf(settings),
  );
  return {
    words: (text, place) => applied(cuts, text, place),
    spell: spells ? spellBytes : (word) => word,
  };
}

function applied(cuts: readonly Cut[], text: string, place: Place): Iterable<string> {
  const [cut, ...rest] = cuts;
  if (cut === undefined) return text === '' ? [] : [text];
  return rest.length === 0 ? cut(text, place) : chained(cut, rest, text, place);
}

function* chained(cut: Cut, rest: readonly Cut[], text: string, place: Place): Generator<string> {
  let current = place;
  for (const piece of cut(text, place)) {
    yield* applied(rest, piece, current);
    current = { first: false, continues: false };
  }
}

function cutOf(settings: Settings): Cut {
  switch (settings.type) {
    case 'ByteLevel': {
      const cut = byteLevelCut(settings);
      return (text, place) => mapped(cut(text, place), spellBytes);
    }
    case 'Split': {
      const search = searchOf(settings);
      const behavior = settings.choice('behavior', SPLIT_BEHAVIORS);
      const invert = settings.boolean('invert', false);
      return (text) => split(text, search, behavior, invert);
    }
    case 'Metaspace':
      return metaspaceCut(settings);
    case 'Whitespace':
      return (text) => split(text, wordsOrSigns, 'Removed', true);
    case 'WhitespaceSplit':
      return (text) => split(text, whiteSpace, 'Removed');
    case 'BertPreTokenizer':
      return function* (text) {
        for (const word of split(text, whiteSpace, 'Removed')) yield* split(word, punctuation, 'Isolated');
      };
    case 'Punctuation': {
      const behavior = settings.choice('behavior', SPLIT_BEHAVIORS, 'Isolated');
      return (text) => split(text, punctuation, behavior);
    }
    case 'Digits': {
      const behavior = settings.boolean('individual_digits', false) ? 'Isolated' : 'Contiguous';
      return (text) => split(text, numeric, behavior);
    }
    case 'CharDelimiterSplit': {
      const delimiter = settings.text('delimiter');
      if ([...delimiter].length !== 1) throw settings.error('delimiter', 'one character');
      const search = characterSearch((code) => code === delimiter.codePointAt(0));
      return (text) => split(text, search, 'Removed');
    }
    case 'FixedLength':
      return fixedLengthCut(settings.integer('length', 1, 2 ** 20));
    default:
      throw settings.unknownType(
        'Sequence, ByteLevel, Split, Metaspace, Whitespace, WhitespaceSplit, BertPreTokenizer, Punctuation, ' +
          'Digits, CharDelimiterSplit or FixedLength',
      );
  }
}

const whiteSpace = characterSearch(isWhiteSpace);
const punctuation = characterSearch(isPunctuation);
const numeric = characterSearch(isNumeric);
const word = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}';
const wordsOrSigns = nativeSearch(new RegExp(`[${word}]+|[^${word}\\p{White_Space}]+`, 'gu'));
const gpt2: Search = regexSearch(GPT2_PATTERN, 'ByteLevel');

function byteLevelCut(settings: Settings): Cut {
  const prefix = settings.boolean('add_prefix_space', true);
  const cuts = settings.boolean('use_regex', true);
  return (text, { continues }) => {
    const whole = prefix && !continues && !text.startsWith(' ') ? ` ${text}` : text;
    return cuts ? split(whole, gpt2, 'Isolated') : [whole];
  };
}

const utf8 = new TextEncoder();

function spellBytes(word: string): string {
  let spelled = '';
  for (const byte of utf8.encode(word)) spelled += characterOfByte[byte];
  return spelled;
}

function* mapped(words: Iterable<string>, change: (word: string) => string): Generator<string> {
  for (const word of words) yield change(word);
}

function metaspaceCut(settings: Settings): Cut {
  const sign = settings.text('replacement', '▁');
  if ([...sign].length !== 1) throw settings.error('replacement', 'one character');
  const scheme = prependScheme(settings);
  const cuts = settings.boolean('split', true);
  const search = characterSearch((code) => code === sign.codePointAt(0));
  return (text, { first, continues }) => {
    const spelled = text.replaceAll(' ', sign);
    const prepends = !continues && (scheme === 'always' || (scheme === 'first' && first));
    const whole = prepends && !spelled.startsWith(sign) ? sign + spelled : spelled;
    return cuts ? split(whole, search, 'MergedWithNext') : [whole];
  };
}

function prependScheme(settings: Settings): 'always' | 'first' | 'never' {
  const older = settings.get('add_prefix_space');
  const absent = older === false ? 'never' : 'always';
  return settings.choice('prepend_scheme', ['always', 'first', 'never'], absent);
}

function fixedLengthCut(length: number): Cut {
  return function* (text) {
    let piece = '';
    let count = 0;
    for (const character of text) {
      piece += character;
      if (++count < length) continue;
      yield piece;
      piece = '';
      count = 0;
    }
    if (piece !== '') yield piece;
  };
}
