/** The recipe's numbers, `recipe.json`: what is learned, how large the model is, how it is trained. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { InputError } from '../../src/errors.ts';

/** The parts of the corpus; see sources.ts for what they are made of. */
export const partNames = ['books', 'short', 'articles', 'glosses', 'dialogues'] as const;

export type PartName = (typeof partNames)[number];

const weight = v.pipe(v.number(), v.minValue(0), v.finite());
const settings = v.record(v.string(), v.union([v.number(), v.string(), v.boolean()]));

const schema = v.strictObject({
  tokenizer: v.strictObject({
    vocabulary: v.number(),
    /** The share of each part that the tokenizer is learned from. */
    shares: v.strictObject(v.entriesFromList(partNames, v.pipe(v.number(), v.minValue(0), v.maxValue(1)))),
  }),
  /** Shares of the training windows; 0 leaves a part out. */
  mix: v.strictObject(v.entriesFromList(partNames, weight)),
  /** Tokens of a sequence. */
  length: v.number(),
  model: v.strictObject({ layers: v.number(), hiddenSize: v.number(), intermediateSize: v.number() }),
  /** Settings of `plusminus train`. */
  base: settings,
  /** What differs from `base` for the Transformer++ of the same sizes on the same tokens. */
  llama: settings,
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
