import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cpuEngines, gpuEngines, referenceEngine } from '../../../test/engines.ts';
import { bytesOf, type Engine } from '../../engine/engine.ts';
import { ReferenceEngine } from '../../engine/reference/referenceEngine.ts';
import { sample as sampleOnHost } from '../../generate/sampling.ts';
import { record } from '../../program/record.ts';
import { input } from '../../program/tensor.ts';
import { SeededRandom } from '../../text/seededRandom.ts';
import { sampleReference } from './reference.ts';
import { type SampleSettings, sample, sampleState, settingsOf } from './sample.ts';

const plain: SampleSettings = { temperature: 1, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 };
const settingsCases: readonly Partial<SampleSettings>[] = [
  { temperature: 0 },
  { temperature: 0, repetitionPenalty: 1.3 },
  {},
  { temperature: 0.7, topK: 5 },
  { topK: 1 },
  { topP: 0.6 },
  { minP: 0.1 },
  { temperature: 1.5, topK: 40, topP: 0.9, minP: 0.02, repetitionPenalty: 1.2 },
];

const normal = (size: number, seed: number) => new SeededRandom(seed).fillNormal(new Float32Array(size), 3);

type DrawArguments = Parameters<typeof draw> extends [Engine, ...infer Rest] ? Rest : never;

/** Tokens drawn one after the other, as many as there are random numbers. */
async function draw(
  engine: Engine,
  logits: Float32Array,
  settings: SampleSettings,
  uniforms: Float32Array,
  seen: readonly number[] = [],
  allowed: (id: number) => boolean = () => true,
): Promise<number[]> {
  const state = sampleState(logits.length, uniforms.length);
  const tensor = input('logits', [1, logits.length]);
  const executable = engine.load(record('sample', () => sample(tensor, state)));
  engine.write(tensor, bytesOf(logits));
  engine.write(state.settings, bytesOf(settingsOf(settings)));
  engine.write(state.uniforms, bytesOf(uniforms));
  engine.write(state.seen, bytesOf(maskOf(logits.length, (id) => seen.includes(id))));
  engine.write(state.allowed, bytesOf(maskOf(logits.length, allowed)));
  engine.write(state.turn, bytesOf(Int32Array.of(0)));
  const tokens = new Int32Array(uniforms.length);
  await executable.run([{ tensor: state.tokens, target: bytesOf(tokens) }], undefined, uniforms.length);
  return [...tokens];
}

/** A bit for each id. */
function maskOf(size: number, allowed: (id: number) => boolean): Int32Array {
  const words = new Int32Array(Math.ceil(size / 32));
  for (let id = 0; id < size; id++) if (allowed(id)) words[id >> 5]! |= 1 << (id & 31);
  return words;
}

const byFormula = new Map<string, Promise<number[]>>();

/** The tokens of the formula, which is slow: once for all engines. */
function drawByFormula(key: string, ...given: DrawArguments): Promise<number[]> {
  const known = byFormula.get(key) ?? draw(new ReferenceEngine(), ...given);
  byFormula.set(key, known);
  return known;
}

const uniforms = Float32Array.from({ length: 20 }, (_, i) => (i * 0.618) % 1);

it('the formula draws what the host draws from the same random numbers', () => {
  fc.assert(
    fc.property(
      fc.nat(1000),
      fc.constantFrom(...settingsCases),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      fc.constantFrom<(id: number) => boolean>(
        () => true,
        (id) => id % 3 === 0,
        (id) => id === 31,
      ),
      (seed, choices, uniform, allowed) => {
        const settings = { ...plain, ...choices };
        // Some equal, some impossible.
        const logits = normal(60, seed).map((x, id) => (id % 7 === 3 ? 1 : id % 11 === 5 ? -Infinity : x));
        const history = [3, 8, 20];
        const random = { uniform: () => uniform } as SeededRandom;
        const seen = maskOf(60, (id) => history.includes(id));
        const possible = logits.map((x, id) => (allowed(id) ? x : -Infinity));
        const [mask, x] = [maskOf(60, allowed), logits as unknown as Float64Array];
        expect(sampleReference(x, seen, mask, settings, uniform)).toBe(
          sampleOnHost(possible, settings, random, history),
        );
      },
    ),
    { numRuns: 400, seed: 1 },
  );
});

/** A sequence of a batch. */
interface RowCase {
  readonly logits: Float32Array;
  readonly settings: SampleSettings;
  readonly uniforms: Float32Array;
  readonly seen: readonly number[];
  readonly allowed: (id: number) => boolean;
}

/** Tokens of each row, drawn together. */
async function drawRows(engine: Engine, rows: readonly RowCase[]): Promise<number[][]> {
  const [vocabulary, ahead] = [rows[0]!.logits.length, rows[0]!.uniforms.length];
  const state = sampleState(vocabulary, ahead, rows.length);
  const tensor = input('logits', [rows.length, vocabulary]);
  const executable = engine.load(record('sample', () => sample(tensor, state)));
  const masks = (of: (row: RowCase, id: number) => boolean) =>
    Int32Array.from(rows.flatMap((row) => [...maskOf(vocabulary, (id) => of(row, id))]));
  const floats = (of: (row: RowCase) => Float32Array) =>
    bytesOf(Float32Array.from(rows.flatMap((row) => [...of(row)])));
  engine.write(
    tensor,
    floats(({ logits }) => logits),
  );
  engine.write(
    state.settings,
    floats(({ settings }) => settingsOf(settings)),
  );
  engine.write(
    state.uniforms,
    floats(({ uniforms }) => uniforms),
  );
  engine.write(state.seen, bytesOf(masks(({ seen }, id) => seen.includes(id))));
  engine.write(state.allowed, bytesOf(masks(({ allowed }, id) => allowed(id))));
  const tokens = new Int32Array(rows.length * ahead);
  await executable.run([{ tensor: state.tokens, target: bytesOf(tokens) }], undefined, ahead);
  return rows.map((_, row) => [...tokens.subarray(row * ahead, (row + 1) * ahead)]);
}

const allowedCases: readonly RowCase['allowed'][] = [() => true, (id) => id % 3 === 0, (id) => id > 31];

/** Each row with settings, mask, earlier tokens and random numbers of its own. */
const rowCases = (vocabulary: number): RowCase[] =>
  [...settingsCases, ...settingsCases].map((choices, row) => ({
    logits: normal(vocabulary, vocabulary + row),
    settings: { ...plain, repetitionPenalty: 1 + (row % 3) / 4, ...choices },
    uniforms: Float32Array.from({ length: 6 }, (_, i) => ((i + row) * 0.618) % 1),
    seen: [row, 2 * row + 1, 40],
    allowed: allowedCases[row % allowedCases.length]!,
  }));

describe.each([referenceEngine, ...cpuEngines, ...gpuEngines])(
  'rows of sample on $name',
  ({ skip, create }) => {
    it.skipIf(skip)('draw what each draws alone, by the formula', async () => {
      const engine = await create();
      for (const vocabulary of [65, 3000]) {
        const rows = rowCases(vocabulary);
        const alone = rows.map(({ logits, settings, uniforms, seen, allowed }, row) =>
          drawByFormula(`row ${row} of ${vocabulary}`, logits, settings, uniforms, seen, allowed),
        );
        expect(await drawRows(engine, rows)).toEqual(await Promise.all(alone));
      }
      await engine.dispose();
    });

    it.skipIf(skip)('report their own damage', async () => {
      const engine = await create();
      const [first, second, third] = rowCases(65) as [RowCase, RowCase, RowCase];
      const damaged = { ...second, logits: second.logits.with(36, Number.NaN) };
      const [a, b, c] = await drawRows(engine, [first, damaged, third]);
      expect(b).toEqual([-1, -1, -1, -1, -1, -1]);
      expect([a, c]).toEqual(
        [await drawRows(engine, [first]), await drawRows(engine, [third])].map(([row]) => row),
      );
      await engine.dispose();
    });
  },
);

describe.each(cpuEngines)('draws on $name', ({ create }) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await create();
  });
  afterAll(() => engine?.dispose());

  it.each([
    ['spread', 2, 0],
    ['nearly equal', 0.01, 0],
    ['large', 3, 5000],
  ])('are those of the host at the borders between tokens whose logits are %s', async (_, scale, offset) => {
    const logits = new SeededRandom(5).fillNormal(new Float32Array(500), scale).map((x) => x + offset);
    const settings = { ...plain, temperature: 0.5 };
    const uniforms = Float32Array.from(bordersOf(logits, settings.temperature));
    const drawn = await draw(engine, logits, settings, uniforms);
    const host = [...uniforms].map((uniform) =>
      sampleOnHost(logits, settings, { uniform: () => uniform } as SeededRandom),
    );
    expect(drawn).toEqual(host);
  });
});

/** The random numbers of 24 bits on both sides of each border between two tokens. */
function bordersOf(logits: Float32Array, temperature: number): number[] {
  const top = Math.max(...logits);
  const weights = [...logits].map((logit) => Math.exp((logit - top) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight);
  let sum = 0;
  return weights.slice(0, -1).flatMap((weight) => {
    sum += weight;
    const below = Math.floor((sum / total) * 2 ** 24);
    return [below, Math.min(below + 1, 2 ** 24 - 1)].map((number) => number / 2 ** 24);
  });
}

describe.each([...cpuEngines, ...gpuEngines])('sample on $name', ({ skip, create }) => {
  let engine: Engine;
  beforeAll(async () => {
    if (!skip) engine = await create();
  });
  afterAll(() => engine?.dispose());

  it.skipIf(skip).for(settingsCases)('draws the tokens of the formula: %o', async (choices) => {
    const settings = { ...plain, ...choices };
    for (const size of [1, 5, 300, 5000]) {
      const logits = normal(size, size);
      const seen = [0, Math.floor(size / 2)];
      const key = `${size} ${JSON.stringify(choices)}`;
      const expected = await drawByFormula(key, logits, settings, uniforms, seen);
      expect(await draw(engine, logits, settings, uniforms, seen), `${size}`).toEqual(expected);
    }
  });

  it.skipIf(skip).for(settingsCases)('draws only what is allowed: %o', async (choices) => {
    const settings = { ...plain, ...choices };
    for (const [size, allowed] of [
      [5000, (id: number) => id % 97 === 40],
      [300, (id: number) => id === 287],
      [33, (id: number) => id > 30],
    ] as const) {
      const logits = normal(size, size);
      const possible = logits.map((x, id) => (allowed(id) ? x : -Infinity));
      const key = `some of ${size} ${JSON.stringify(choices)}`;
      const expected = await drawByFormula(key, possible, settings, uniforms, [0, 287]);
      const drawn = await draw(engine, logits, settings, uniforms, [0, 287], allowed);
      expect(drawn, `${size}`).toEqual(expected);
      expect(drawn.every(allowed)).toBe(true);
    }
    const none = await draw(engine, normal(9, 1), settings, uniforms.slice(0, 1), [], () => false);
    expect(none).toEqual([-1]);
  });

  it.skipIf(skip)('takes the smaller id of equal logits, and as many as were asked for', async () => {
    const logits = new Float32Array(500).fill(2);
    expect(await draw(engine, logits, { ...plain, temperature: 0 }, uniforms.slice(0, 1))).toEqual([0]);
    const few = await draw(engine, logits, { ...plain, topK: 3 }, uniforms);
    expect([...new Set(few)].sort()).toEqual([0, 1, 2]);
    const share = await draw(engine, logits, { ...plain, topP: 0.009 }, uniforms);
    expect(Math.max(...share)).toBe(4);
  });

  it.skipIf(skip)('never draws what is impossible, and reports values that are not numbers', async () => {
    const logits = normal(50, 1).map((x, id) => (id % 2 ? x : -Infinity));
    for (const id of await draw(engine, logits, plain, uniforms)) expect(id % 2).toBe(1);
    const one = uniforms.slice(0, 1);
    for (const damage of [Number.NaN, Infinity])
      expect(await draw(engine, logits.with(7, damage), plain, one)).toEqual([-1]);
    expect(await draw(engine, new Float32Array(9).fill(-Infinity), plain, one)).toEqual([-1]);
  });
});
