/** MatMul-free RWKV-4 against its plain formulas, and as a model among the others: sessions, files, many sequences. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { convertCheckpoint } from '../src/checkpoint/convert.ts';
import { saveCheckpoint } from '../src/checkpoint/save.ts';
import { bytesOf, type Engine, readFloats } from '../src/engine/engine.ts';
import { LanguageModel } from '../src/languageModel.ts';
import { architectureOf } from '../src/model/architecture.ts';
import { namedConfig } from '../src/model/config.ts';
import { Weights } from '../src/model/weights.ts';
import { crossEntropy } from '../src/ops/crossEntropy/crossEntropy.ts';
import { gradients } from '../src/ops/gradients.ts';
import { output, record } from '../src/program/record.ts';
import { input, type Tensor } from '../src/program/tensor.ts';
import { RecurrentReader } from '../src/run/recurrentReader.ts';
import { SlotsOneByOne } from '../src/run/slotsOneByOne.ts';
import { Turns } from '../src/run/turns.ts';
import { SeededRandom } from '../src/text/seededRandom.ts';
import { cpuEngines, gpuEngines, isOnGpu } from './engines.ts';
import { plainRwkv } from './rwkvPlain.ts';

const sizes = { layers: 2, hiddenSize: 24, intermediateSize: 40, vocabSize: 50 };
const config = namedConfig('tiny', { ...sizes, architecture: 'rwkv' });
const architecture = architectureOf(config);
const specs = architecture.parameters();
const tokens = Array.from({ length: 21 }, (_, i) => (i * i + 3) % 50);

/** Every parameter away from where it starts: norms are not 1, and channels differ. */
const parameters = new Map(
  specs.map(({ name, shape, init }, index) => {
    const size = shape.reduce((product, n) => product * n, 1);
    const values = new SeededRandom(100 + index).fillNormal(new Float32Array(size), 0.2);
    const start = (i: number) => ('each' in init ? init.each(i) : 'constant' in init ? init.constant : 0);
    return [name, values.map((value, i) => value + start(i))] as const;
  }),
);

function logSum(logits: readonly number[]): number {
  return Math.log(logits.reduce((sum, value) => sum + Math.exp(value), 0));
}

function newWeights(engine: Engine): Weights {
  const weights = new Weights(specs, 'training');
  for (const [name, values] of parameters) engine.write(weights.get(name), bytesOf(values));
  return weights;
}

function expectClose(found: Float32Array, expected: readonly number[], what: string): void {
  expect(found.length, what).toBe(expected.length);
  const largest = Math.max(...expected.map(Math.abs));
  for (const [i, value] of expected.entries())
    expect(Math.abs(found[i]! - value) / largest, `${what}[${i}]`).toBeLessThan(2e-5);
}

describe.each([cpuEngines[0]!, cpuEngines[2]!, ...gpuEngines])('RWKV on $name', ({ skip, create, name }) => {
  let engine: Engine;
  let inference: RecurrentReader;
  const exact = !isOnGpu(name);
  beforeAll(async () => {
    if (skip) return;
    engine = await create();
    inference = new RecurrentReader({
      ...{ engine, architecture, weights: newWeights(engine) },
      ...{ vocabulary: config.vocabSize, turns: new Turns() },
    });
  });
  afterAll(() => engine?.dispose());

  it.skipIf(skip)('hidden states, states and logits are those of the plain formulas', async () => {
    const weights = newWeights(engine);
    const ids = input('ids', [1, tokens.length], 'i32');
    let hidden: readonly Tensor[] = [];
    let states: readonly Tensor[] = [];
    let logits: Tensor;
    const program = record('forward', () => {
      ({ hidden, states } = architecture.forward(weights, ids));
      logits = architecture.head(weights, hidden.at(-1)!);
      for (const tensor of [...hidden, ...states, logits]) output(tensor);
    });
    engine.write(ids, bytesOf(Int32Array.from(tokens)));
    await engine.load(program).run();
    const plain = plainRwkv({ config, parameter: (name) => parameters.get(name)! }, tokens);
    for (const [layer, rows] of plain.hidden.entries())
      expectClose(await readFloats(engine, hidden[layer]!), rows.flat(), `hidden ${layer}`);
    expectClose(await readFloats(engine, logits!), plain.logits.flat(), 'logits');
    const H = config.hiddenSize;
    for (const [layer, { token, values, weights }] of plain.states.entries()) {
      expectClose(await readFloats(engine, states[2 * layer]!), token, `token ${layer}`);
      const state = await readFloats(engine, states[2 * layer + 1]!);
      const unscaled = (part: number) =>
        state.subarray(part * H, (part + 1) * H).map((sum, c) => sum * Math.exp(state[2 * H + c]!));
      expectClose(unscaled(0), values, `values ${layer}`);
      expectClose(unscaled(1), weights, `weights ${layer}`);
    }
  });

  it.skipIf(skip)('prefill then decode equals one pass, wherever it is split', async () => {
    const wholeState = inference.newState();
    const whole = await inference.run(tokens, wholeState, 'all');
    const expectSame = (found: Float32Array, expected: Float32Array, what: string) =>
      exact ? expect(found, what).toEqual(expected) : expectClose(found, [...expected], what);
    // On a GPU in lengths that the whole text was read in: each more takes a second to compile in software.
    const splits = exact ? [...tokens.keys()].slice(1) : [5];
    for (const split of splits) {
      const state = inference.newState();
      const first = await inference.run(tokens.slice(0, split), state, 'all');
      const second = await inference.run(tokens.slice(split), state, 'all');
      expectSame(Float32Array.of(...first, ...second), whole, `logits, split at ${split}`);
      expectSame(state, wholeState, `state, split at ${split}`);
    }
  });

  // What a GPU computes backwards, the suites of the ops say; compiling it in software takes seconds.
  it.skipIf(!exact)('every parameter has a gradient', async () => {
    const weights = newWeights(engine);
    const [ids, labels] = ['ids', 'labels'].map((name) => input(name, [2, 10], 'i32'));
    let found = new Map<Tensor, Tensor>();
    const program = record('backward', () => {
      const { hidden } = architecture.forward(weights, ids!);
      const loss = crossEntropy(architecture.head(weights, hidden.at(-1)!), labels!);
      found = gradients(
        loss,
        specs.map((spec) => weights.get(spec.name)),
      );
      found.forEach((gradient) => output(gradient));
    });
    engine.write(ids!, bytesOf(Int32Array.from(tokens.slice(0, 20))));
    engine.write(labels!, bytesOf(Int32Array.from(tokens.slice(1))));
    await engine.load(program).run();
    for (const { name } of specs) {
      const gradient = await readFloats(engine, found.get(weights.get(name))!);
      expect(gradient.every(Number.isFinite) && gradient.some((value) => value !== 0), name).toBe(true);
    }
  });
});

describe('RWKV as a model', () => {
  async function savedModel(): Promise<string> {
    const parent = await mkdtemp(join(tmpdir(), 'plusminus-test-'));
    onTestFinished(() => rm(parent, { recursive: true, force: true }));
    const folder = join(parent, 'model');
    const entries = specs.map(({ name, shape }) => ({
      ...{ name, shape, dtype: 'F32' as const },
      chunks: () => [bytesOf(parameters.get(name)!)],
    }));
    await saveCheckpoint(folder, config, entries);
    return folder;
  }

  it('is saved, packed and loaded, with the logits of the plain formulas', async () => {
    const folder = await savedModel();
    await convertCheckpoint(folder, `${folder}-packed`, { to: 'packed' });
    const { logits } = plainRwkv({ config, parameter: (name) => parameters.get(name)! }, tokens);
    for (const each of [folder, `${folder}-packed`]) {
      const model = await LanguageModel.load(each, { engine: 'cpu', threads: 0 });
      expect(model.config).toEqual(config);
      expectClose((await model.forward(tokens)).logits, logits.flat(), each);
      const question = { context: tokens.slice(0, 8), continuations: [tokens.slice(8)] };
      const found = (await model.score([question]))[0]![0]!;
      const expected = tokens.slice(8).map((id, n) => logits[n + 7]![id]! - logSum(logits[n + 7]!));
      expectClose(
        Float32Array.from(found, (one) => one.logProbability),
        expected,
        `scores of ${each}`,
      );
      await model.dispose();
    }
  });

  it('keeps sequences apart that take turns', async () => {
    const engine = await cpuEngines[0]!.create();
    const inference = new RecurrentReader({
      ...{ engine, architecture, weights: newWeights(engine) },
      ...{ vocabulary: config.vocabSize, turns: new Turns() },
    });
    const slots = new SlotsOneByOne(inference, { slots: 2, maxTokens: 8 });
    const alone = await inference.run(tokens.slice(0, 8), inference.newState(), 'last');
    await slots.step([{ slot: 0, tokens: tokens.slice(0, 5), wanted: 'none' }]);
    await slots.load(1, await slots.save(0)); // a fork
    await slots.step([{ slot: 0, tokens: [7, 8], wanted: 'none' }]);
    const [found] = await slots.step([{ slot: 1, tokens: tokens.slice(5, 8), wanted: 'last' }]);
    expect(found!.logits).toEqual(alone);
    await engine.dispose();
  });
});
