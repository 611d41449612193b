/**
 * Random JSON schemas on every engine, greedy and sampled: each answer that says it is complete parses and validates.
 * PLUSMINUS_SCHEMAS raises the number of schemas, and PLUSMINUS_SCHEMAS_OUT writes the counts to a JSON file.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonSchemas, meets } from '../src/generate/constraint/testing.ts';
import { LanguageModel } from '../src/languageModel.ts';
import { cuda, webGpu } from './engines.ts';
import { makeSmallModel, type SmallModel } from './smallModel.ts';

const asked = process.env.PLUSMINUS_SCHEMAS;
const seed = 5;
const maxTokens = 120;
const engines = [
  { engine: 'cpu', skip: false, schemas: Number(asked ?? 40) },
  { engine: 'webgpu', skip: webGpu.skip, schemas: Number(asked ?? 6) },
  { engine: 'cuda', skip: cuda.skip, schemas: Number(asked ?? 6) },
] as const;

interface Counts {
  /** Answers that parse and validate. */
  valid: number;
  /** Answers that ended with the reason `length`. */
  cutOff: number;
  /** Schemas that no text can meet, refused by name. */
  refused: number;
}

const record: {
  engine: string;
  temperature: number;
  description: string;
  schemas: number;
  counts: Counts;
}[] = [];
let small: SmallModel;
beforeAll(async () => {
  small = await makeSmallModel();
});
afterAll(async () => {
  await small?.remove();
  const out = process.env.PLUSMINUS_SCHEMAS_OUT;
  if (out === undefined) return;
  const commit = execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim();
  const date = new Date().toISOString().slice(0, 10);
  writeFileSync(out, `${JSON.stringify({ date, commit, seed, maxTokens, runs: record }, null, 2)}\n`);
});

describe.each(engines)('random schemas on $engine', ({ engine, skip, schemas }) => {
  let model: LanguageModel;
  beforeAll(async () => {
    if (!skip) model = await LanguageModel.load(small.folder, { engine, threads: 0 });
  });
  afterAll(() => model?.dispose());

  it.skipIf(skip).each([0, 1])(
    'temperature %d: every complete answer validates, others say that they were cut off',
    async (temperature) => {
      const counts: Counts = { valid: 0, cutOff: 0, refused: 0 };
      const answers = fc.asyncProperty(jsonSchemas, fc.nat(1000), async (schema, ofAnswer) => {
        counts[await kindOfAnswer(model, schema, temperature, ofAnswer)]++;
      });
      await fc.assert(answers, { numRuns: schemas, seed });
      record.push({ engine, temperature, description: model.engine, schemas, counts });
      expect(counts.valid + counts.cutOff + counts.refused).toBe(schemas);
      expect(counts.valid).toBeGreaterThan(schemas / 2);
    },
    3_600_000,
  );
});

/** @throws if the answer is neither valid nor says that it was cut off */
async function kindOfAnswer(
  model: LanguageModel,
  schema: object,
  temperature: number,
  seed: number,
): Promise<keyof Counts> {
  const responseFormat = { type: 'json' as const, schema };
  const options = { temperature, seed, maxTokens, responseFormat };
  const answer = await model.complete('The answer:', options).catch((error: Error) => error);
  if (answer instanceof Error) {
    expect(answer.message).toMatch(/no text can meet it/);
    return 'refused';
  }
  if (answer.finishReason === 'length') {
    expect(answer.tokens).toHaveLength(maxTokens);
    return 'cutOff';
  }
  expect(meets(schema, answer.text), `${JSON.stringify(schema)}: ${answer.text}`).toBe(true);
  return 'valid';
}
