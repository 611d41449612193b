/** The recipe's numbers, `recipe.json`: how many talks, what they are mixed with, how the model is trained. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { InputError } from '../../src/errors.ts';

const count = v.pipe(v.number(), v.integer(), v.minValue(1));
const positive = v.pipe(v.number(), v.gtValue(0), v.finite());

const schema = v.strictObject({
  /** Talks to train on. */
  talks: count,
  /** Processes write a part each; the talks of a part are distinct. */
  parts: count,
  seed: v.pipe(v.number(), v.integer(), v.minValue(0)),
  /** Tokens of a sequence. */
  length: count,
  /** Shares of the training windows. */
  mix: v.strictObject({ talks: positive, short: positive }),
  /** Talks of each validation set. */
  heldOutTalks: count,
  /** Settings of `plusminus train`. */
  settings: v.record(v.string(), v.union([v.number(), v.string(), v.boolean()])),
  /** Short runs, of which the one with the lowest held-out loss decides the learning rate. */
  trials: v.strictObject({ steps: count, learningRates: v.pipe(v.array(positive), v.minLength(1)) }),
  /** Time for the long run; the number of its steps follows from the speed of the trials. */
  seconds: positive,
});

export type Recipe = v.InferOutput<typeof schema>;

export const recipeFile = join(import.meta.dirname, 'recipe.json');

/** @throws InputError naming the field */
export async function readRecipe(file = recipeFile): Promise<Recipe> {
  const result = v.safeParse(schema, JSON.parse(await readFile(file, 'utf8')));
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new InputError(
    `${file}: ${v.getDotPath(issue) ?? 'the content'}: found ${issue.received}, expected ${issue.expected}`,
  );
}
