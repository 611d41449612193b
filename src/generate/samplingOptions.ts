/** The options of sampling: their meaning, ranges and defaults. */
import { InputError } from '../errors.ts';
import { expectObject } from '../given.ts';

/** How the next token is drawn from its probabilities. */
export interface SamplingOptions {
  /** ≥ 0. 0 takes the most probable token, 1 samples the model's distribution, more is more random. Default 1. */
  temperature?: number;
  /** Integer ≥ 0: keep the k most probable tokens; 0 is off. Default 0. */
  topK?: number;
  /** In (0, 1]: keep the most probable tokens whose total probability reaches this. Default 1, off. */
  topP?: number;
  /** In [0, 1]: drop tokens less probable than this fraction of the most probable one. Default 0, off. */
  minP?: number;
  /** > 0: divides positive logits of earlier tokens and multiplies negative ones. Default 1, off. */
  repetitionPenalty?: number;
}

const RULES: {
  [name in keyof SamplingOptions]-?: { standard: number; range: string; holds(value: number): boolean };
} = {
  temperature: {
    standard: 1,
    range: 'a number of 0 or more',
    holds: (t) => t >= 0 && t < Number.POSITIVE_INFINITY,
  },
  topK: { standard: 0, range: 'an integer of 0 or more', holds: (k) => Number.isSafeInteger(k) && k >= 0 },
  topP: { standard: 1, range: 'a number above 0 and at most 1', holds: (p) => p > 0 && p <= 1 },
  minP: { standard: 0, range: 'a number from 0 to 1', holds: (p) => p >= 0 && p <= 1 },
  repetitionPenalty: {
    standard: 1,
    range: 'a number above 0',
    holds: (r) => r > 0 && r < Number.POSITIVE_INFINITY,
  },
};

const minFloat32 = 2 ** -126;
const maxFloat32 = (2 - 2 ** -23) * 2 ** 127;

export const SAMPLING_OPTIONS = Object.keys(RULES) as readonly (keyof SamplingOptions)[];

/**
 * Fills in the defaults, and rounds to float32: all engines draw with the same numbers.
 * @throws {InputError} naming the option, for an unknown name or a value out of range
 */
export function checkSampling(options: SamplingOptions): Required<SamplingOptions> {
  refuseUnknown(options, SAMPLING_OPTIONS);
  const checked = {} as Required<SamplingOptions>;
  for (const name of SAMPLING_OPTIONS) {
    const { standard, range, holds } = RULES[name];
    const value: unknown = options[name] ?? standard;
    if (typeof value !== 'number' || !holds(value)) {
      throw new InputError(`${name}: found ${JSON.stringify(value) ?? String(value)}, expected ${range}`);
    }
    checked[name] = asFloat32(value);
  }
  return checked;
}

/** The nearest float32 that is neither infinite nor, unless `value` is, zero. */
function asFloat32(value: number): number {
  return value === 0 ? 0 : Math.min(Math.max(Math.fround(value), minFloat32), maxFloat32);
}

/** @throws InputError for a name that is not known, or options that are not an object */
export function refuseUnknown(options: object, known: readonly string[], name = 'options'): void {
  expectObject(name, options);
  for (const option of Object.keys(options)) {
    if (!known.includes(option))
      throw new InputError(`${option}: no such option; known are ${known.join(', ')}`);
  }
}
