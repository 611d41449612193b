/**
 * WikiText came as words divided by spaces; this gives punctuation its usual place again. The steps and their
 * order are those of Megatron-LM, which the harness took over with all its quirks: scores depend on each of them.
 */
type Step = readonly [found: string | RegExp, replacement: string];

/** The space before a mark of punctuation goes. */
const closing: readonly Step[] = [':', ';', '.', '!', '?', ','].map((mark) => [` ${mark} `, `${mark} `]);

/** The spaces inside go. */
const pairs: readonly Step[] = [
  [/\(\s*([^)]*?)\s*\)/g, '($1)'],
  [/\[\s*([^\]]*?)\s*\]/g, '[$1]'],
  [/\{\s*([^}]*?)\s*\}/g, '{$1}'],
  [/"\s*([^"]*?)\s*"/g, '"$1"'],
  [/'\s*([^']*?)\s*'/g, "'$1'"],
];

const steps: readonly Step[] = [
  ["s '", "s'"],
  // Meant for years, '90s; slashes of another language's patterns make it match almost nothing.
  [/\/' [0-9]\//g, "/'[0-9]/"],
  [' @-@ ', '-'],
  [' @,@ ', ','],
  [' @.@ ', '.'],
  ...closing,
  ...pairs,
  ['= = = =', '===='],
  ['= = =', '==='],
  ['= =', '=='],
  [' ° ', '°'],
  [' \n', '\n'],
  ['\n ', '\n'],
  [' N ', ' 1 '],
  [" 's", "'s"],
];

export function detokenise(page: string): string {
  return steps.reduce((text, [found, replacement]) => text.replaceAll(found, replacement), page);
}
