/** Sequences that advance together must compute what each computes alone: bit for bit on the CPU. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cpuEngines, gpuEngines, isOnGpu } from '../../test/engines.ts';
import { golden, makeSmallModel, type SmallModel } from '../../test/smallModel.ts';
import { Checkpoint } from '../checkpoint/checkpoint.ts';
import { loadParameters } from '../checkpoint/load.ts';
import type { Engine } from '../engine/engine.ts';
import { InputError } from '../errors.ts';
import { architectureOf } from '../model/architecture.ts';
import { Weights } from '../model/weights.ts';
import { pageSize } from '../ops/pages.ts';
import { SeededRandom } from '../text/seededRandom.ts';
import { sequenceReader, slotModel } from './readers.ts';
import type { SequenceReader } from './sequenceReader.ts';
import { bucketOf, type SlotModel, type SlotTokens } from './slotModel.ts';
import { SlotsOneByOne } from './slotsOneByOne.ts';
import { EngineParameterStore } from './store.ts';
import { Turns } from './turns.ts';

interface Loaded {
  readonly reader: SequenceReader;
  readonly batch: (slots: number, maxTokens: number, cacheBytes?: number) => SlotModel;
  readonly vocabulary: number;
}

async function load(engine: Engine, folder: string): Promise<Loaded> {
  const checkpoint = await Checkpoint.open(folder);
  const architecture = architectureOf(checkpoint.config);
  const specs = architecture.parameters();
  const store = new EngineParameterStore(engine, (dtypes) => new Weights(specs, 'inference', dtypes));
  await loadParameters(checkpoint, specs, store, { mode: 'inference' });
  await checkpoint.close();
  const { vocabSize: vocabulary } = checkpoint.config;
  const model = { engine, architecture, weights: store.weights(), vocabulary, turns: new Turns() };
  return {
    reader: sequenceReader(model),
    batch: (slots, maxTokens, cacheBytes) => slotModel(model, { slots, maxTokens, cacheBytes }),
    vocabulary,
  };
}

type CountingEngine = Engine & { rows: number; fail: boolean };

/** Counts the rows of the programs that run, and can fail to run them. */
function countRows(engine: Engine): CountingEngine {
  const counting = Object.assign(engine, { rows: 0, fail: false });
  const load = engine.load.bind(engine);
  counting.load = (program) => {
    const executable = load(program);
    const run = executable.run.bind(executable);
    executable.run = async (reads) => {
      if (counting.fail) throw new Error('the engine fails');
      counting.rows += Number.parseInt(program.name, 10);
      await run(reads);
    };
    return executable;
  };
  return counting;
}

/** Texts of different lengths, cut into chunks at random; who takes part in a step is random too. */
async function runMixed(model: SlotModel, texts: readonly number[][], seed: number): Promise<Float32Array[]> {
  const random = new SeededRandom(seed);
  const read = texts.map(() => 0);
  const logits: number[][] = texts.map(() => []);
  for (const slot of texts.keys()) await model.load(slot);
  while (texts.some((text, slot) => read[slot]! < text.length)) {
    const parts: SlotTokens[] = [];
    let room = model.maxTokens;
    for (const [slot, text] of texts.entries()) {
      const count = Math.min(room, text.length - read[slot]!, 1 + random.integer(7));
      if (count === 0 || random.integer(3) === 0) continue;
      parts.push({ slot, tokens: text.slice(read[slot], read[slot]! + count), wanted: 'all' });
      room -= count;
    }
    if (parts.length === 0) continue;
    if (random.integer(2)) parts.reverse();
    const results = await model.step(parts);
    for (const [index, { slot, tokens }] of parts.entries()) {
      logits[slot]!.push(...results[index]!.logits);
      read[slot]! += tokens.length;
    }
  }
  return logits.map((values) => Float32Array.from(values));
}

function textsOf(vocabulary: number, lengths: readonly number[]): number[][] {
  const random = new SeededRandom(5);
  return lengths.map((length) => Array.from({ length }, () => random.integer(vocabulary)));
}

const architectures = ['matmul-free', 'rwkv', 'llama', 'bitnet'] as const;
type Small = Map<(typeof architectures)[number], SmallModel>;

let small: Small;
beforeAll(async () => {
  const models = await Promise.all(
    architectures.map(
      async (architecture) => [architecture, await makeSmallModel({ architecture })] as const,
    ),
  );
  small = new Map(models);
});
afterAll(() => Promise.all([...(small?.values() ?? [])].map((model) => model.remove())));

const cases = [...cpuEngines, ...gpuEngines].flatMap((engine) =>
  architectures.map((architecture) => ({ ...engine, architecture })),
);

describe.each(cases)('batched slots of $architecture, $name', ({ skip, create, name, architecture }) => {
  let engine: Engine;
  let model: Loaded;
  const exact = !isOnGpu(name);

  beforeAll(async () => {
    if (skip) return;
    engine = await create();
    model = await load(engine, small.get(architecture)!.folder);
  });
  afterAll(() => engine?.dispose());

  /** WebGPU's shaders may contract and reorder per pipeline; the logits then differ in their last bits. */
  const expectSame = (found: Float32Array, expected: Float32Array) => {
    if (exact) {
      expect(found).toEqual(expected);
      return;
    }
    expect(found.length).toBe(expected.length);
    for (const [i, value] of found.entries()) expect(Math.abs(value - expected[i]!)).toBeLessThan(2e-4);
  };

  it.skipIf(skip)('gives the logits that each sequence has alone, however steps are cut', async () => {
    // A software driver compiles shaders for seconds: few sizes there.
    const texts = textsOf(model.vocabulary, exact ? [1, 2, 13, 40, 7] : [1, 2, 9]);
    const expected: Float32Array[] = [];
    for (const text of texts) expected.push(await model.reader.run(text, model.reader.newState(), 'all'));
    for (const seed of exact ? [1, 2] : [1]) {
      const found = await runMixed(model.batch(5, exact ? 16 : 6), texts, seed);
      for (const [slot, logits] of found.entries()) expectSame(logits, expected[slot]!);
    }
  });

  it.skipIf(skip)('saves and loads states, from slot to slot and from single sequences', async () => {
    const [text] = textsOf(model.vocabulary, [20]);
    const state = model.reader.newState();
    await model.reader.run(text!.slice(0, 12), state, 'none');
    const batch = model.batch(3, 8);
    await batch.step([
      { slot: 0, tokens: text!.slice(0, 7), wanted: 'none' },
      { slot: 2, tokens: [5], wanted: 'none' },
    ]);
    await batch.step([{ slot: 0, tokens: text!.slice(7, 12), wanted: 'none' }]);
    const saved = await batch.save(0);
    expectSame(saved, state);
    await batch.load(1, saved);
    const expected = await model.reader.run(text!.slice(12), state, 'last');
    const [moved] = await batch.step([{ slot: 1, tokens: text!.slice(12), wanted: 'last' }]);
    expectSame(moved!.logits.slice(), expected);
    expect(await batch.save(0)).toEqual(saved);
  });

  it.skipIf(skip)('returns the wanted logits only', async () => {
    const batch = model.batch(3, 8);
    const parts = (wanted: SlotTokens['wanted']): SlotTokens[] => [
      { slot: 0, tokens: [1, 2], wanted },
      { slot: 1, tokens: [3], wanted: 'last' },
      { slot: 2, tokens: [4, 5, 6], wanted: 'none' },
    ];
    const sizes = async (wanted: SlotTokens['wanted']) =>
      (await batch.step(parts(wanted))).map(({ logits }) => logits.length / model.vocabulary);
    expect(await sizes('all')).toEqual([2, 1, 0]);
    expect(await sizes('none')).toEqual([0, 1, 0]);
  });
});

describe('pages of keys and values', () => {
  /** 3 layers of keys and values of 96 floats. */
  const pageBytes = 3 * 2 * pageSize * 96 * 4;
  let engine: CountingEngine;
  let model: Loaded;
  beforeAll(async () => {
    engine = countRows(await cpuEngines[0]!.create());
    model = await load(engine, small.get('llama')!.folder);
  });
  afterAll(() => engine?.dispose());

  it('a pool with room for less than all sequences gives the same logits', async () => {
    const texts = textsOf(model.vocabulary, [100, 150, 20, 64, 129]);
    const expected: Float32Array[] = [];
    for (const text of texts) expected.push(await model.reader.run(text, model.reader.newState(), 'all'));
    // The longest text needs three pages; one more is for padding.
    for (const pages of [3, 4, 7])
      expect(await runMixed(model.batch(5, 16, (pages + 1) * pageBytes), texts, pages)).toEqual(expected);
  });

  it('a sequence that does not fit into the pool is refused, and the others continue', async () => {
    const batch = model.batch(2, 64, 3 * pageBytes);
    const [text] = textsOf(model.vocabulary, [129]);
    await batch.step([{ slot: 0, tokens: text!.slice(0, 64), wanted: 'none' }]);
    await batch.step([{ slot: 0, tokens: text!.slice(64, 128), wanted: 'none' }]);
    await expect(batch.step([{ slot: 0, tokens: text!.slice(128), wanted: 'last' }])).rejects.toThrow(
      /found a sequence of 129 tokens, but the memory for keys and values holds only 128 tokens/,
    );
    const [result] = await batch.step([{ slot: 1, tokens: [5], wanted: 'last' }]);
    expect(result!.logits).toEqual(await model.reader.run([5], model.reader.newState(), 'last'));
    expect((await batch.save(0))[0]).toBe(128);
  });

  it('sequences that begin alike share their full pages', async () => {
    const batch = model.batch(3, 256);
    const [text, other] = textsOf(model.vocabulary, [200, 50]) as [number[], number[]];
    await batch.step([{ slot: 0, tokens: text, wanted: 'last' }]);
    const state = await batch.save(0);
    const expected = await model.reader.run([...text, 7], model.reader.newState(), 'last');
    for (const slot of [1, 2]) {
      await batch.load(slot, state);
      engine.rows = 0;
      const [result] = await batch.step([{ slot, tokens: [7], wanted: 'last' }]);
      expect(result!.logits.slice()).toEqual(expected);
      // 200 tokens are three pages and 8 tokens, which are read again in the same program: 9 rows in one of 12.
      expect(engine.rows).toBe(bucketOf(9));
    }
    // The pages survive the sequence that filled them.
    await batch.load(0);
    await batch.step([{ slot: 0, tokens: other, wanted: 'none' }]);
    await batch.load(1, state);
    engine.rows = 0;
    await batch.step([{ slot: 1, tokens: [7], wanted: 'last' }]);
    expect(engine.rows).toBe(bucketOf(9));
  });

  it('a step that fails leaves the sequences as they were', async () => {
    const batch = model.batch(2, 128);
    const [text] = textsOf(model.vocabulary, [70]);
    await batch.step([{ slot: 0, tokens: text!.slice(0, 60), wanted: 'none' }]);
    engine.fail = true;
    const step = { slot: 0, tokens: text!.slice(60), wanted: 'last' } as const;
    await expect(batch.step([step])).rejects.toThrow('the engine fails');
    engine.fail = false;
    const [result] = await batch.step([step]);
    expect(result!.logits).toEqual(await model.reader.run(text!, model.reader.newState(), 'last'));
  });
});

describe('batched slots', () => {
  it('takes no more memory however many steps are run', async () => {
    const engine = (await cpuEngines[0]!.create()) as Engine & { usedBytes: number };
    const model = await load(engine, small.get('matmul-free')!.folder);
    const batch = model.batch(5, 16);
    const texts = textsOf(model.vocabulary, [30, 40, 20, 3, 50]);
    for (const seed of [1, 2, 3, 4]) await runMixed(batch, texts, seed);
    const used = engine.usedBytes;
    for (const seed of [1, 2, 3, 4]) await runMixed(batch, texts, seed);
    expect(engine.usedBytes).toBe(used);
    await engine.dispose();
  });

  it('agrees with one sequence after the other on the model of the released code', async () => {
    const engine = await cpuEngines[0]!.create();
    const model = await load(engine, golden);
    const texts = textsOf(model.vocabulary, [17, 4, 9]);
    const sizes = { slots: 3, maxTokens: 12 };
    expect(await runMixed(model.batch(3, 12), texts, 1)).toEqual(
      await runMixed(new SlotsOneByOne(model.reader, sizes), texts, 1),
    );
    await engine.dispose();
  });

  it('refuses what it cannot do', async () => {
    const engine = await cpuEngines[0]!.create();
    const model = await load(engine, golden);
    const batch = model.batch(2, 4);
    const wanted = 'last' as const;
    await expect(batch.step([{ slot: 0, tokens: [1, 2, 3, 4, 5], wanted }])).rejects.toThrow(
      /found 5 tokens, expected 1 to 4/,
    );
    await expect(batch.step([{ slot: 0, tokens: [96], wanted }])).rejects.toBeInstanceOf(InputError);
    await expect(batch.step([{ slot: 0, tokens: [], wanted }])).rejects.toThrow(/found no token/);
    await expect(batch.step([{ slot: 2, tokens: [1], wanted }])).rejects.toThrow(/slot: found 2/);
    const twice = { slot: 0, tokens: [1], wanted };
    await expect(batch.step([twice, twice])).rejects.toThrow(/slot 0 occurs twice/);
    await expect(batch.load(0, new Float32Array(3))).rejects.toThrow(/found 3 numbers, expected 128/);
    expect(() => model.batch(5, 4)).toThrow(/expected 1 ≤ slots ≤ tokens/);
    await engine.dispose();
  });

  it('has few sizes of programs, none much too large', () => {
    const sizes = new Set(Array.from({ length: 256 }, (_, i) => bucketOf(i + 1)));
    expect([...sizes]).toEqual([1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256]);
    for (let rows = 1; rows <= 256; rows++) expect(bucketOf(rows)).toBeGreaterThanOrEqual(rows);
  });
});
