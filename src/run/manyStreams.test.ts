/** 64 sequences of a model that attends advance in one program a step, and each gets the tokens that it gets alone. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cpuEngines, gpuEngines, isOnGpu } from '../../test/engines.ts';
import { makeSmallModel, type SmallModel } from '../../test/smallModel.ts';
import type { Engine } from '../engine/engine.ts';
import { loadIntoEngine } from '../loadModel.ts';
import { SeededRandom } from '../text/seededRandom.ts';
import { sequenceReader, slotModel } from './readers.ts';
import { bucketOf } from './slotModel.ts';
import { Turns } from './turns.ts';

const streams = 64;

/** Names of the programs that run, in order. */
function watchRuns(engine: Engine): string[] {
  const runs: string[] = [];
  const load = engine.load.bind(engine);
  engine.load = (program) => {
    const executable = load(program);
    const run = executable.run.bind(executable);
    executable.run = (...given) => {
      runs.push(program.name);
      return run(...given);
    };
    return executable;
  };
  return runs;
}

const argmax = (logits: Float32Array) => logits.indexOf(Math.max(...logits));

// The CPU's other engines differ in kernels, not in how sequences share a program. A software driver compiles shaders for
// a minute a model: one is enough there.
const cases = [
  ...(['bitnet', 'llama', 'qwen3'] as const).map((architecture) => ({ ...cpuEngines[2]!, architecture })),
  ...gpuEngines.map((engine) => ({ ...engine, architecture: 'bitnet' as const })),
];

describe.each(cases)('64 streams of $architecture, $name', ({ skip, create, name, architecture }) => {
  let small: SmallModel;
  let engine: Engine;
  let model: Parameters<typeof slotModel>[0];
  let runs: string[];
  beforeAll(async () => {
    if (skip) return;
    small = await makeSmallModel({ architecture });
    engine = await create();
    runs = watchRuns(engine);
    const {
      architecture: loaded,
      weights,
      config,
    } = await loadIntoEngine(small.folder, async () => engine, {});
    model = { engine, architecture: loaded, weights, vocabulary: config.vocabSize, turns: new Turns() };
  });
  afterAll(async () => {
    await engine?.dispose();
    await small?.remove();
  });

  it.skipIf(skip)('are one program a step, each with its own tokens', { timeout: 300_000 }, async () => {
    const onGpu = isOnGpu(name);
    const newTokens = onGpu ? 4 : 8;
    const random = new SeededRandom(4);
    // No two begin alike.
    const texts = Array.from({ length: streams }, (_, slot) => [
      slot,
      ...Array.from({ length: onGpu ? 0 : slot % 3 }, () => random.integer(model.vocabulary)),
    ]);
    const prompts = texts.map((text) => [...text]);
    const slots = slotModel(model, { slots: streams, maxTokens: 2 * streams });
    for (const slot of texts.keys()) await slots.load(slot);
    for (let step = 0; step < newTokens; step++) {
      const before = runs.length;
      const parts = texts.map((text, slot) => ({
        slot,
        tokens: step === 0 ? [...text] : text.slice(-1),
        wanted: 'last' as const,
      }));
      const results = await slots.step(parts);
      for (const [slot, { logits }] of results.entries()) texts[slot]!.push(argmax(logits));
      const rows = bucketOf(parts.reduce((sum, { tokens }) => sum + tokens.length, 0));
      expect(runs.slice(before).map((run) => Number.parseInt(run, 10))).toEqual([rows]);
    }
    const reader = sequenceReader(model);
    const compared = onGpu ? [0, 1, 2, 31, 62, 63] : [...texts.keys()];
    for (const slot of compared) {
      const state = reader.newState();
      const alone = [...prompts[slot]!];
      for (let step = 0, read = 0; step < newTokens; step++) {
        const unread = alone.slice(read);
        read = alone.length;
        alone.push(argmax(await reader.run(unread, state, 'last')));
      }
      expect(texts[slot], `stream ${slot}`).toEqual(alone);
    }
    expect(new Set(texts.map(String)).size).toBe(streams);
  });
});
