/**
 * 64 sequences of a model that attends advance in one program a step, and each gets the tokens that it gets alone. Those
 * that begin alike share pages, so that their pool has a bound below what each alone would take.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cpuEngines, gpuEngines, isOnGpu } from '../../test/engines.ts';
import { makeSmallModel, type SmallModel } from '../../test/smallModel.ts';
import type { Engine } from '../engine/engine.ts';
import { loadIntoEngine } from '../loadModel.ts';
import type { AttentionArchitecture } from '../model/architecture.ts';
import { pageSize } from '../ops/pages.ts';
import { SeededRandom } from '../text/seededRandom.ts';
import { poolBytes } from './pagedSlots.ts';
import { sequenceReader, slotModel } from './readers.ts';
import { bucketOf, type SlotModel, type SlotTokens } from './slotModel.ts';
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

  /** A prompt and what follows it, read as the only sequence. */
  async function alone(prompt: readonly number[], newTokens: number): Promise<number[]> {
    const reader = sequenceReader(model);
    const state = reader.newState();
    const text = [...prompt];
    for (let step = 0, read = 0; step < newTokens; step++) {
      const unread = text.slice(read);
      read = text.length;
      text.push(argmax(await reader.run(unread, state, 'last')));
    }
    return text;
  }

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
    const compared = onGpu ? [0, 1, 2, 31, 62, 63] : [...texts.keys()];
    for (const slot of compared)
      expect(texts[slot], `stream ${slot}`).toEqual(await alone(prompts[slot]!, newTokens));
    expect(new Set(texts.map(String)).size).toBe(streams);
  });

  // Which page is whose is the host's matter, and a software driver takes minutes for prompts of so many lengths.
  describe.skipIf(skip || isOnGpu(name))('that begin alike', () => {
    const newTokens = 4;
    /** Two whole pages, and a token of the third. */
    const preamble = Array.from({ length: 2 * pageSize + 1 }, (_, k) => (7 * k) % 500);
    /** Endings of 1 to 5 tokens: the one of a slot has a token that is its own. */
    const prompts = Array.from({ length: streams }, (_, slot) => [
      ...preamble,
      slot,
      ...preamble.slice(0, slot % 5),
    ]);

    /** A pool of the shared pages, one more for each stream, and that of padding: without sharing it would take 192. */
    function smallPool(maxTokens: number): SlotModel {
      const architecture = model.architecture as AttentionArchitecture;
      const cacheBytes = (2 + streams + 1) * architecture.pools(1).reduce((sum, { bytes }) => sum + bytes, 0);
      const sizes = { slots: streams, maxTokens, cacheBytes };
      expect(poolBytes(architecture, sizes)).toBe(cacheBytes);
      return slotModel(model, sizes);
    }

    /** One step, which is one program of so many rows. Texts grow by the tokens that follow. */
    async function step(slots: SlotModel, parts: readonly SlotTokens[], rows: number, texts: number[][]) {
      const before = runs.length;
      const results = await slots.step(parts);
      for (const [at, { slot, wanted }] of parts.entries())
        if (wanted === 'last') texts[slot]!.push(argmax(results[at]!.logits));
      expect(runs.slice(before).map((run) => Number.parseInt(run, 10))).toEqual([bucketOf(rows)]);
    }

    /** A token for each stream a step; then all texts are those that the prompts get alone. */
    async function decode(slots: SlotModel, texts: number[][]) {
      for (let more = 1; more < newTokens; more++) {
        const parts = texts.map((text, slot) => ({ slot, tokens: text.slice(-1), wanted: 'last' as const }));
        await step(slots, parts, streams, texts);
      }
      for (const [slot, prompt] of prompts.entries())
        expect(texts[slot], `stream ${slot}`).toEqual(await alone(prompt, newTokens));
    }

    it('continue from a state, whose last page each reads for itself in the same program', async () => {
      const slots = smallPool(512);
      await slots.step([{ slot: 5, tokens: preamble, wanted: 'none' }]);
      const state = await slots.save(5);
      for (const slot of prompts.keys()) await slots.load(slot, state);
      const texts = prompts.map((prompt) => [...prompt]);
      const parts = texts.map((text, slot) => ({
        ...{ slot, tokens: text.slice(preamble.length), wanted: 'last' as const },
      }));
      const rows = parts.reduce((sum, { tokens }) => sum + 1 + tokens.length, 0);
      await step(slots, parts, rows, texts);
      await decode(slots, texts);
    });

    it('come at once, each with its whole prompt', async () => {
      const slots = smallPool(16 * streams);
      const texts = prompts.map((prompt) => [...prompt]);
      for (let first = 0; first < preamble.length - 1; first += 16) {
        const parts = texts.map((text, slot) => ({
          ...{ slot, tokens: text.slice(first, first + 16), wanted: 'none' as const },
        }));
        await step(slots, parts, 16 * streams, texts);
      }
      const parts = texts.map((text, slot) => ({
        ...{ slot, tokens: text.slice(preamble.length - 1), wanted: 'last' as const },
      }));
      const rows = parts.reduce((sum, { tokens }) => sum + tokens.length, 0);
      await step(slots, parts, rows, texts);
      await decode(slots, texts);
    });
  });
});
