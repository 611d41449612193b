/** Numbers between bounds, as grammars of digits. */
import { InputError } from '../../errors.ts';
import { character, choice, type Expression, literal, repeat, rule, sequence } from './grammar.ts';

export interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly exclusiveMin: boolean;
  readonly exclusiveMax: boolean;
}

/** Integers of this size are read back as they were written. */
const largest = 999_999_999_999_999;
/** Digits after the point, beyond those of the bounds. */
const moreDecimals = 2;

/** @throws InputError if bounds need more digits than a number has */
export function numbersBetween(bounds: Bounds, integer: boolean): Expression {
  const { min, max } = bounds;
  if (min === Number.NEGATIVE_INFINITY && max === Number.POSITIVE_INFINITY)
    return rule(integer ? 'json integer' : 'json number');
  const decimals = integer ? 0 : Math.max(decimalsOf(min), decimalsOf(max)) + moreDecimals;
  return choice(Array.from({ length: decimals + 1 }, (_, count) => scaled(bounds, count)));
}

/** Multiples of 10^-decimals, written with as many digits after the point. */
function scaled({ min, max, exclusiveMin, exclusiveMax }: Bounds, decimals: number): Expression {
  const scale = 10 ** decimals;
  const limit = Math.floor(largest / scale);
  const clamped = (bound: number) => Math.min(Math.max(bound, -limit), limit);
  let [low, high] = [Math.ceil(times(clamped(min), decimals)), Math.floor(times(clamped(max), decimals))];
  if (exclusiveMin && low / scale <= min) low++;
  if (exclusiveMax && high / scale >= max) high--;
  // Bounds are numbers of binary digits: what is written must be within them when it is read back.
  while (low <= high && low / scale < min) low++;
  while (high >= low && high / scale > max) high--;
  const options: Expression[] = [];
  if (high >= 0) options.push(natural(Math.max(low, 0), high, decimals));
  if (low < 0) options.push(sequence([literal('-'), natural(Math.max(-high, 1), -low, decimals)]));
  return choice(options);
}

/** A bound times 10^decimals, from its decimal digits, since multiplying would round. */
function times(bound: number, decimals: number): number {
  return decimals === 0 ? bound : Number(`${bound}e${decimals}`);
}

function decimalsOf(bound: number): number {
  if (!Number.isFinite(bound) || Number.isInteger(bound)) return 0;
  const [, fraction = '', exponent = '0'] = /^-?\d+(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(`${bound}`) ?? [];
  const decimals = fraction.length - Number(exponent);
  if (decimals > 10)
    throw new InputError(`found the bound ${bound}, expected one with at most 10 digits after its point`);
  return decimals;
}

/** Numbers from `low` to `high` ≥ 0, with a point before the last `decimals` digits. */
function natural(low: number, high: number, decimals: number): Expression {
  const options: Expression[] = [];
  const most = Math.max(`${high}`.length, decimals + 1);
  for (let length = decimals + 1; length <= most; length++) {
    // Without a leading zero, but for a single digit before the point.
    const least = length === decimals + 1 ? 0 : 10 ** (length - 1);
    const [from, to] = [Math.max(low, least), Math.min(high, 10 ** length - 1)];
    if (from > to) continue;
    options.push(digits(`${from}`.padStart(length, '0'), `${to}`.padStart(length, '0'), decimals));
  }
  return choice(options);
}

/** Strings of digits from `low` to `high`, of the same length. */
function digits(low: string, high: string, decimals: number): Expression {
  if (low === '') return sequence([]);
  const rest = low.length - 1;
  const then = (from: string, to: string, tail: Expression) =>
    sequence([digitsFrom(from, to), ...(rest === decimals && rest > 0 ? [literal('.')] : []), tail]);
  const [[a = ''], [b = '']] = [low, high];
  const [lowTail, highTail] = [low.slice(1), high.slice(1)];
  const [zeros, nines] = ['0'.repeat(rest), '9'.repeat(rest)];
  if (lowTail === zeros && highTail === nines) return then(a, b, freeDigits(rest, decimals));
  if (a === b) return then(a, a, digits(lowTail, highTail, decimals));
  const options = [
    then(a, a, digits(lowTail, nines, decimals)),
    then(b, b, digits(zeros, highTail, decimals)),
  ];
  if (Number(a) + 1 < Number(b))
    options.push(then(`${Number(a) + 1}`, `${Number(b) - 1}`, freeDigits(rest, decimals)));
  return choice(options);
}

function freeDigits(count: number, decimals: number): Expression {
  const any = digitsFrom('0', '9');
  if (count <= decimals || decimals === 0) return repeat(any, count, count);
  return sequence([
    repeat(any, count - decimals, count - decimals),
    literal('.'),
    repeat(any, decimals, decimals),
  ]);
}

function digitsFrom(from: string, to: string): Expression {
  return character([[from.charCodeAt(0), to.charCodeAt(0)]]);
}
