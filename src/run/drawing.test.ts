/** Tokens that a step draws for its sequences are those that the host draws from each sequence's logits. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cpuEngines, cuda, isOnGpu, referenceEngine, webGpu } from '../../test/engines.ts';
import { makeSmallModel, type SmallModel } from '../../test/smallModel.ts';
import type { Engine } from '../engine/engine.ts';
import { NumericalError } from '../errors.ts';
import { sample } from '../generate/sampling.ts';
import { LanguageModel } from '../languageModel.ts';
import { loadIntoEngine } from '../loadModel.ts';
import type { SeededRandom } from '../text/seededRandom.ts';
import { checkDrawn, type Draw, fitWords } from './drawing.ts';
import { sequenceReader, slotModel } from './readers.ts';
import { Turns } from './turns.ts';

const architectures = ['matmul-free', 'rwkv', 'llama', 'bitnet'] as const;
const plain = { temperature: 1, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 };

const small = new Map<string, SmallModel>();
beforeAll(async () => {
  for (const architecture of architectures) small.set(architecture, await makeSmallModel({ architecture }));
});
afterAll(async () => {
  for (const model of small.values()) await model.remove();
});

async function load(folder: string, create: () => Promise<Engine>) {
  const parts = await loadIntoEngine(folder, create, {});
  const model = { ...parts, vocabulary: parts.config.vocabSize, turns: new Turns() };
  return { model, batch: slotModel(model, { slots: 4, maxTokens: 16 }), reader: sequenceReader(model) };
}

/** Sequences with tokens, and how the next one of each is drawn: with a penalty, a mask, both, or neither. */
const draws: readonly { readonly tokens: readonly number[]; readonly how: Draw }[] = [
  { tokens: [1, 2, 3], how: { settings: plain, uniform: 0.3, history: [] } },
  {
    tokens: [9],
    how: { settings: { ...plain, topK: 9, repetitionPenalty: 3 }, uniform: 0.9, history: [7, 8] },
  },
  {
    tokens: [5, 6],
    how: { settings: plain, uniform: 0.5, history: [], allowed: Uint32Array.of(0b1010 << 8) },
  },
  { tokens: [4], how: { settings: { ...plain, temperature: 0 }, uniform: 0, history: [] } },
];

/** What the host draws from logits. */
function onHost(logits: Float32Array, { settings, uniform, history, allowed }: Draw): number {
  const isAllowed = (id: number) => !allowed || (((allowed[id >> 5] ?? 0) >>> (id & 31)) & 1) === 1;
  const possible = logits.map((logit, id) => (isAllowed(id) ? logit : Number.NEGATIVE_INFINITY));
  return sample(possible, settings, { uniform: () => uniform } as SeededRandom, history);
}

describe.each([referenceEngine, ...cpuEngines, webGpu, cuda])('slots on $name', ({ name, skip, create }) => {
  it.skipIf(skip).each(architectures)('draw what the host draws: %s', async (architecture) => {
    const { model, batch, reader } = await load(small.get(architecture)!.folder, create);
    expect(batch.draws).toBe(true);
    const expected = [];
    for (const { tokens, how } of draws)
      expected.push(onHost(await reader.run(tokens, reader.newState(), 'last'), how));
    const parts = draws.map(({ tokens, how }, slot) => ({ slot, tokens, wanted: how }));
    expect((await batch.step(parts)).map(({ token }) => token)).toEqual(expected);

    // In other rows, without those that had a mask or penalty, beside one whose logits are wanted.
    for (const { slot } of parts) await batch.load(slot);
    const mixed = await batch.step([
      { ...parts[2]!, wanted: 'all' },
      parts[3]!,
      { ...parts[1]!, wanted: 'none' },
      parts[0]!,
    ]);
    expect(mixed.map(({ token }) => token)).toEqual([undefined, expected[3], undefined, expected[0]]);
    const all = await reader.run(draws[2]!.tokens, reader.newState(), 'all');
    expect(mixed.map(({ logits }) => logits.length)).toEqual([all.length, 0, 0, 0]);
    if (!isOnGpu(name)) expect(mixed[0]!.logits).toEqual(all);
    await model.engine.dispose();
  });
});

describe('texts of sequences that draw together', () => {
  const prompts = ['abc', 'xyz and more', 'abc abc abc', 'q'];
  const options = [
    { temperature: 0 },
    { temperature: 0.8, topP: 0.9 },
    { topK: 20, repetitionPenalty: 1.3 },
    { responseFormat: { regex: '[0-9]{3,6}' } },
  ] as const;

  it('are those that the host draws', async () => {
    const { folder } = small.get('matmul-free')!;
    const textsOn = async (model: LanguageModel) => {
      const texts = prompts.map((prompt, seed) =>
        model.complete(prompt, { maxTokens: 10, seed, stopAtEos: false, ...options[seed] }),
      );
      return (await Promise.all(texts)).map(({ text }) => text);
    };
    const programs: string[] = [];
    const noting = async () => {
      const engine = await referenceEngine.create();
      const load = engine.load.bind(engine);
      engine.load = (program) => {
        programs.push(program.name);
        return load(program);
      };
      return engine;
    };
    await using drawing = new LanguageModel(await loadIntoEngine(folder, noting, {}));
    const hostOnly = async () =>
      Object.assign(await referenceEngine.create(), { samplesAhead: 0, samplesRows: false });
    await using plainly = new LanguageModel(await loadIntoEngine(folder, hostOnly, {}));
    expect(await textsOn(drawing)).toEqual(await textsOn(plainly));
    expect(programs.filter((name) => / 0 rows of logits, [1-9]/.test(name))).not.toEqual([]);
    expect(programs.filter((name) => /[1-9]\d* rows of logits/.test(name))).toEqual([]);
  });
});

it('what cannot be drawn is an error; sets of tokens fit any vocabulary', () => {
  expect(() => checkDrawn(-1)).toThrow(NumericalError);
  expect(checkDrawn(0)).toBe(0);
  expect(fitWords(Uint32Array.of(1, 2), 3)).toEqual(Uint32Array.of(1, 2, 0));
  expect(fitWords(Uint32Array.of(1, 2), 1)).toEqual(Uint32Array.of(1));
});
