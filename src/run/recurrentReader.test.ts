import { expect, it } from 'vitest';
import { describeOnGpu, webGpu } from '../../test/engines.ts';
import { CpuEngine } from '../engine/cpu/cpuEngine.ts';
import type { Engine } from '../engine/engine.ts';
import { architectureOf } from '../model/architecture.ts';
import { namedConfig } from '../model/config.ts';
import { Weights } from '../model/weights.ts';
import type { Program } from '../program/record.ts';
import { RandomWeights } from './randomWeights.ts';
import { RecurrentReader } from './recurrentReader.ts';
import { longestStep } from './steps.ts';
import { Turns } from './turns.ts';

const config = { ...namedConfig('tiny', { vocabSize: 96 }), hiddenSize: 32, intermediateSize: 48, layers: 2 };
const tokens = Array.from({ length: 200 }, (_, i) => (i * 7) % 96);

function readerOn(engine: Engine): RecurrentReader {
  const architecture = architectureOf(config);
  const weights = new Weights(architecture.parameters(), 'inference');
  new RandomWeights().fill(engine, weights);
  const vocabulary = config.vocabSize;
  return new RecurrentReader({ engine, architecture, weights, vocabulary, turns: new Turns() });
}

/** Logits of all tokens, and the lengths of the programs that read them. */
async function read(longest: number, wanted: 'all' | 'last') {
  const engine = Object.assign(await CpuEngine.create({ threads: 0 }), { longestStep: longest }) as Engine;
  const lengths: string[] = [];
  const load = engine.load.bind(engine);
  engine.load = (program: Program) => {
    lengths.push(program.name.split(',')[0]!);
    return load(program);
  };
  const inference = readerOn(engine);
  const logits = await inference.run(tokens, inference.newState(), wanted);
  await engine.dispose();
  return { logits, lengths };
}

it('cuts a text into steps as long as the engine likes, which changes no logit', async () => {
  const [long, short] = [await read(256, 'all'), await read(32, 'all')];
  expect(long.lengths).toEqual(['128 tokens', '64 tokens', '8 tokens']);
  expect(short.lengths).toEqual(['32 tokens', '8 tokens']);
  expect(short.logits).toEqual(long.logits);
  expect((await read(64, 'last')).logits).toEqual(long.logits.subarray(-config.vocabSize));
});

it('continues from its state after a run that failed at its end, as on a GPU that reports errors late', async () => {
  const engine: Engine = await CpuEngine.create({ threads: 0 });
  const load = engine.load.bind(engine);
  let fails = false;
  engine.load = (program: Program) => {
    const executable = load(program);
    const run = executable.run.bind(executable);
    executable.run = async (...from) => {
      await run(...from);
      if (fails) throw new Error('reported late');
    };
    return executable;
  };
  const inference = readerOn(engine);
  const state = inference.newState();
  await inference.run([1, 2, 3], state, 'last');
  const expected = await inference.run([4], state.slice(), 'last');
  await inference.run([5], inference.newState(), 'last');
  await inference.run([1, 2, 3], state.fill(0), 'last');
  fails = true;
  await expect(inference.run([4], state, 'last')).rejects.toThrow('reported late');
  fails = false;
  expect(await inference.run([4], state, 'last')).toEqual(expected);
  await engine.dispose();
});

it('reads many tokens at once where their logits are not wanted, or small', () => {
  const engine = { longestStep: 2048 } as Engine;
  expect(longestStep(engine, 'last', 32_000)).toBe(2048);
  expect(longestStep(engine, 'all', 4096)).toBe(2048);
  expect(longestStep(engine, 'all', 32_000)).toBe(1024);
  expect(longestStep(engine, 'all', 1e6)).toBe(256);
});

describeOnGpu('on webgpu', () => {
  it('2,048 tokens are read at once, unless the device binds little memory', async () => {
    const engine = await webGpu.create();
    const { maxBufferSize, maxStorageBufferBindingSize } = (engine as unknown as { device: GPUDevice }).device
      .limits;
    const isSmall = Math.min(maxBufferSize, maxStorageBufferBindingSize) < 2 ** 28;
    expect(engine.longestStep).toBe(isSmall ? 256 : 2048);
    await engine.dispose();
  });
});
