/** Texts that are scored together get what each gets alone: bit for bit on the CPU. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cpuEngines, gpuEngines, isOnGpu } from '../../test/engines.ts';
import { makeSmallModel, type SmallModel } from '../../test/smallModel.ts';
import { Checkpoint } from '../checkpoint/checkpoint.ts';
import { loadParameters } from '../checkpoint/load.ts';
import type { Engine } from '../engine/engine.ts';
import { InputError } from '../errors.ts';
import { architectureOf } from '../model/architecture.ts';
import { Weights } from '../model/weights.ts';
import { tokenScoresReference } from '../ops/tokenScores/reference.ts';
import { SeededRandom } from '../text/seededRandom.ts';
import { ForkedScorer } from './forkedScorer.ts';
import type { RunnableModel } from './model.ts';
import { PaddedScorer } from './paddedScorer.ts';
import { sequenceReader } from './readers.ts';
import type { Question, Scorer, TokenScore } from './scoring.ts';
import type { SequenceReader } from './sequenceReader.ts';
import { EngineParameterStore } from './store.ts';
import { Turns } from './turns.ts';

/** No other project publishes such a model, so there is no golden one. */
let rwkv: SmallModel;
beforeAll(async () => {
  rwkv = await makeSmallModel({ architecture: 'rwkv' });
});
afterAll(() => rwkv?.remove());

async function load(engine: Engine, name: string): Promise<RunnableModel> {
  const golden = fileURLToPath(new URL(`../../test/fixtures/golden/${name}`, import.meta.url));
  const folder = name === 'rwkv' ? rwkv.folder : golden;
  const checkpoint = await Checkpoint.open(folder);
  const architecture = architectureOf(checkpoint.config);
  const specs = architecture.parameters();
  const store = new EngineParameterStore(engine, (dtypes) => new Weights(specs, 'inference', dtypes));
  await loadParameters(checkpoint, specs, store, { mode: 'inference' });
  await checkpoint.close();
  const { vocabSize: vocabulary } = checkpoint.config;
  return { engine, architecture, weights: store.weights(), vocabulary, turns: new Turns() };
}

/** Small programs, which one text alone may overflow. */
function smallScorer(model: RunnableModel): Scorer {
  const { architecture } = model;
  if (architecture.memory === 'cache') return new PaddedScorer({ ...model, architecture }, 24);
  return new ForkedScorer({ ...model, architecture }, { slots: 5, maxRows: 12 });
}

/** A pass over each text by itself, and a softmax in float64. */
async function scorePlainly(
  reader: SequenceReader,
  vocabulary: number,
  { context, continuations }: Question,
) {
  const scores: TokenScore[][] = [];
  for (const ids of continuations) {
    const logits = await reader.run([...context, ...ids], reader.newState(), 'all');
    const first = context.length - 1;
    const rows = Float64Array.from(logits.subarray(vocabulary * first, vocabulary * (first + ids.length)));
    const found = new Float64Array(3 * ids.length);
    if (ids.length > 0) tokenScoresReference(rows, Int32Array.from(ids), found);
    scores.push(ids.map((_, k) => ({ logProbability: found[3 * k]!, greedy: found[3 * k + 2] === 1 })));
  }
  return scores;
}

/** Contexts and continuations of these lengths. */
function questionsOf(vocabulary: number, lengths: readonly (readonly [number, readonly number[]])[]) {
  const random = new SeededRandom(5);
  const tokens = (count: number) => Array.from({ length: count }, () => random.integer(vocabulary));
  return lengths.map(
    ([context, continuations]): Question => ({
      context: tokens(context),
      continuations: continuations.map(tokens),
    }),
  );
}

const shapes = [
  [1, [3]],
  [9, [4, 1, 6, 4]],
  [2, [1, 1]],
  [30, [40]],
  [4, []],
  [5, [2, 0, 7, 1, 1, 9, 3]],
  [1, [17, 2]],
] as const;

describe.each([...cpuEngines, ...gpuEngines])('scoring, $name', ({ skip, create, name: engineName }) => {
  const exact = !isOnGpu(engineName);
  let engine: Engine;
  beforeAll(async () => {
    if (!skip) engine = await create();
  });
  afterAll(() => engine?.dispose());

  it.skipIf(skip).each(['mmfree-tiny', 'rwkv', 'llama-tiny', 'bitnet-tiny'])(
    'agrees with one pass over each text, on %s',
    async (name) => {
      const model = await load(engine, name);
      // A software driver compiles shaders for seconds: few sizes there, and the plain pass is the CPU's.
      const questions = questionsOf(model.vocabulary, exact ? shapes : [[9, [7, 7]]]);
      const plainEngine = exact ? engine : await cpuEngines[0]!.create();
      const plain = exact ? model : await load(plainEngine, name);
      const reader = sequenceReader({ ...plain, turns: new Turns() });
      const scorer = smallScorer(model);
      const found = await scorer.score(questions);
      for (const [k, question] of questions.entries()) {
        const plain = await scorePlainly(reader, model.vocabulary, question);
        expect(found[k]!.map(({ length }) => length)).toEqual(
          question.continuations.map((ids) => ids.length),
        );
        for (const [n, scores] of plain.entries()) {
          for (const [at, { logProbability, greedy }] of scores.entries()) {
            const score = found[k]![n]![at]!;
            // A float that is rounded otherwise on WebGPU may round to another int8: see test/golden.test.ts.
            expect(score.logProbability).toBeCloseTo(logProbability, exact ? 12 : 3);
            if (exact) expect(score.greedy).toBe(greedy);
          }
        }
      }
      if (!exact) return plainEngine.dispose();
      const alone = [];
      for (const question of questions) alone.push(...(await scorer.score([question])));
      expect(alone).toEqual(found);
      expect((await scorer.score(questions.toReversed())).toReversed()).toEqual(found);
    },
  );
});

describe('scoring', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await cpuEngines[0]!.create();
  });
  afterAll(() => engine.dispose());

  it('takes calls at the same time, and stops between programs', async () => {
    const model = await load(engine, 'mmfree-tiny');
    const [first, second] = [questionsOf(model.vocabulary, shapes), questionsOf(96, shapes.slice(1))];
    const scorer = smallScorer(model);
    const expected = [await scorer.score(first), await scorer.score(second)];
    expect(await Promise.all([scorer.score(first), scorer.score(second)])).toEqual(expected);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(scorer.score(first, signal)).rejects.toThrow('enough');
    expect(await scorer.score(first)).toEqual(expected[0]);
  });

  it.each(['mmfree-tiny', 'llama-tiny'])('refuses what it cannot do, on %s', async (name) => {
    const model = await load(engine, name);
    const ask = (context: number[], ids: number[]) =>
      smallScorer(model).score([{ context, continuations: [ids] }]);
    await expect(ask([], [1])).rejects.toThrow(/context: found no token/);
    await expect(ask([1], [96])).rejects.toThrow(/token 0: found 96/);
    await expect(ask([1, -1], [1])).rejects.toBeInstanceOf(InputError);
    const { architecture } = model;
    if (architecture.memory !== 'cache') return;
    await expect(ask([1], Array(architecture.contextLength + 1).fill(1))).rejects.toThrow(
      /found a text of \d+ tokens/,
    );
  });
});
