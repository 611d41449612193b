/** Settings of a training run with ranges and defaults. All are checked before anything is written. */
import * as v from 'valibot';
import { InputError } from '../errors.ts';
import { defaultLogitBytes } from './passGradients.ts';
import { scheduleNames } from './schedule.ts';

const integer = (min: number, max: number) => {
  const expected = `expected an integer from ${min} to ${max}`;
  return v.pipe(
    v.number(expected),
    v.check((n) => Number.isInteger(n) && n >= min && n <= max, expected),
  );
};

const number = (expected: string, holds: (n: number) => boolean) =>
  v.pipe(v.number(`expected ${expected}`), v.check(holds, `expected ${expected}`));

const fields = {
  /** Updates of the weights. */
  steps: v.optional(integer(1, 1e9), 500),
  /** Sequences of one forward pass. */
  batch: v.optional(integer(1, 65536), 8),
  /** Tokens of a sequence. */
  length: v.optional(integer(1, 65536), 256),
  /** Passes per update, shared by ranks, at most 64 each. The loss is the mean over the labels of all passes. */
  accumulation: v.optional(integer(1, 65536), 1),
  /**
   * Sum the gradients of passes in an order that does not depend on the number of ranks: ranks whose shares are equal
   * and powers of two then produce the same bits as one rank. One rank then needs more memory.
   */
  ordered: v.optional(v.boolean('expected true or false'), false),
  /** Local steps between synchronisations (DiLoCo); 0 synchronises every step. */
  localSteps: v.optional(integer(0, 1e6), 0),
  /**
   * Learning rate of the outer optimizer with local steps; 1 with a momentum of 0 averages the weights. The momentum of
   * the DiLoCo paper, 0.9, averages over ten synchronisations, which is too long for runs with only tens of them.
   */
  outerLearningRate: v.optional(
    number('a number above 0, at most 2', (n) => n > 0 && n <= 2),
    0.7,
  ),
  outerMomentum: v.optional(
    number('a number from 0, below 1', (n) => n >= 0 && n < 1),
    0.5,
  ),
  /**
   * Recompute activations in the backward pass, for all blocks or the first N: less memory, slower.
   */
  recompute: v.optional(
    v.union([v.boolean(), integer(0, 1e6)], 'expected true, false or a number of blocks'),
    false,
  ),
  /** Maximum bytes of logits at a time; the head processes its tokens in parts. 2^28 are 2,097 tokens of 32,000 logits. */
  logitBytes: v.optional(integer(1, Number.MAX_SAFE_INTEGER), defaultLogitBytes),
  /** Compute BitLinear unfused, storing every intermediate result, to measure the effect of fusing. */
  plainBitLinear: v.optional(v.boolean('expected true or false'), false),
  /** Decides the initial weights and the order of the batches. */
  seed: v.optional(integer(0, Number.MAX_SAFE_INTEGER), 1),
  /** At the peak. 0.01 suits small models; the paper took 4e-3, 2.5e-3 and 1.5e-3 for 370M, 1.3B and 2.7B. */
  learningRate: v.optional(
    number('a number above 0, at most 1', (n) => n > 0 && n <= 1),
    0.01,
  ),
  schedule: v.optional(v.picklist(scheduleNames, `expected ${scheduleNames.join(', ')}`), 'matmulfree'),
  /** Steps of warm-up. */
  warmup: v.optional(integer(0, 1e9), 20),
  /** Where the cosine schedule ends, as a fraction of the peak. */
  finalFraction: v.optional(
    number('a number from 0 to 1', (n) => n >= 0 && n <= 1),
    0.1,
  ),
  beta1: v.optional(
    number('a number from 0, below 1', (n) => n >= 0 && n < 1),
    0.9,
  ),
  beta2: v.optional(
    number('a number from 0, below 1', (n) => n >= 0 && n < 1),
    0.95,
  ),
  epsilon: v.optional(
    number('a number above 0, at most 1', (n) => n > 0 && n <= 1),
    1e-8,
  ),
  /** AdamW's λ. The paper publishes none. */
  weightDecay: v.optional(
    number('a number from 0 to 10', (n) => n >= 0 && n <= 10),
    0.01,
  ),
  /** Decay norms and lower bounds too, not matrices and the embedding only. */
  decayAll: v.optional(v.boolean('expected true or false'), false),
  /** Gradients are scaled down to this global norm; 0: never. */
  maxNorm: v.optional(
    number('a number from 0 to 1e9', (n) => n >= 0 && n <= 1e9),
    1,
  ),
  /** Steps between two validations. */
  validateEvery: v.optional(integer(1, 1e9), 100),
  /** Windows kept out of training; at most a tenth of the corpus is taken, in whole batches. 0: no validation. */
  validation: v.optional(integer(0, 1e6), 64),
  /** Steps between two checkpoints; the last step is always saved. */
  saveEvery: v.optional(integer(1, 1e9), 250),
};

const schema = v.strictObject(fields);

/** All settings of a training. */
export type TrainingSettings = Readonly<v.InferOutput<typeof schema>>;

/** Settings without those that keep their defaults. */
export type TrainingChoices = Partial<TrainingSettings>;

/** The settings that apply unless others are given. */
export const defaultSettings: TrainingSettings = v.parse(schema, {});

/**
 * Settings with defaults filled in.
 * @param where what errors call the source, e.g. a path
 * @throws InputError naming the field, what was found and its range; unknown fields are refused
 */
export function parseSettings(choices: unknown, where = 'training settings'): TrainingSettings {
  const result = v.safeParse(schema, choices);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const name = issue.path?.[0]?.key;
  if (name === undefined) throw new InputError(`${where}: found ${issue.received}, expected an object`);
  if (!Object.hasOwn(fields, name as string)) {
    throw new InputError(
      `${where}: ${name}: unknown field; expected one of ${Object.keys(fields).join(', ')}`,
    );
  }
  throw new InputError(
    `${where}: ${name}: found ${JSON.stringify(issue.input) ?? issue.input}, ${issue.message}`,
  );
}
