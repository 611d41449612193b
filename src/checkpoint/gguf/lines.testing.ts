/** Lines of mixed scripts, code and emoji, to compare tokenizers on. */
import { SeededRandom } from '../../text/seededRandom.ts';

const pieces = [
  ...[
    'The',
    ' quick',
    " don't",
    " I'LL",
    ' HELLO',
    ' naïve',
    ' café',
    'cafe\u0301',
    ' Straße',
    ' Übermut',
    ' e\u0301e',
  ],
  ...[
    ' Привет',
    ' мир',
    ' γειά',
    ' σου',
    ' שלום',
    ' مرحبا',
    ' नमस्ते',
    ' สวัสดี',
    ' 你好',
    '世界',
    ' こんにちは',
    ' 한국어',
  ],
  ...['😀', ' 👩‍👩‍👧‍👦', ' 🇨🇭', '👍🏽', ' ✨', '\u200d', '\ufeff', ' ½', ' ²', ' Ⅷ', '٣٤', ' １２３'],
  ...['0', '12', ' 345', '6789', ' 3.14159', '1,000,000', ' 0xFF', ' 1e-5', ' 2026-11-29'],
  ...[
    ' function',
    ' f(x)',
    ' =>',
    ' {',
    '}',
    ';\n',
    '\t',
    '    ',
    '\r\n',
    '\n\n',
    ' // ',
    '/*',
    ' */',
    ' !==',
    ' a_b',
    '::',
  ],
  ...[
    ' <div class="x">',
    ' $',
    ' #include',
    ' \\n',
    ' @',
    '...',
    ' —',
    ' “quoted”',
    " 'tis",
    " we've",
    ' `code`',
    '  ',
    ' ',
    '   \n ',
  ],
];

/** The same seed gives the same lines. */
export function mixedLines(count: number, seed = 1): string[] {
  const random = new SeededRandom(seed);
  return Array.from({ length: count }, () => {
    const length = 1 + random.integer(12);
    return Array.from({ length }, () => pieces[random.integer(pieces.length)]!).join('');
  });
}
