import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gpuEngines } from '../../test/engines.ts';
import type { Engine } from '../engine/engine.ts';
import { ReferenceEngine } from '../engine/reference/referenceEngine.ts';
import { sample } from '../generate/sampling.ts';
import { loadIntoEngine } from '../loadModel.ts';
import type { AttentionArchitecture } from '../model/architecture.ts';
import type { SampleSettings } from '../ops/sample/sample.ts';
import type { SeededRandom } from '../text/seededRandom.ts';
import { sequenceReader } from './readers.ts';
import type { SequenceReader } from './sequenceReader.ts';
import { Turns } from './turns.ts';

const folder = fileURLToPath(new URL('../../test/fixtures/golden/llama-tiny', import.meta.url));
const vocabulary = 96;

/** The formulas, which sample as a GPU does. */
class SamplingReference extends ReferenceEngine {
  override readonly samplesAhead = 4;
}

const engines = [
  { name: 'reference', skip: false, create: async (): Promise<Engine> => new SamplingReference() },
  ...gpuEngines,
];

const plain: SampleSettings = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 };
const uniform = (k: number) => (k * 0.618) % 1;

/** Drawn on the host, from logits that are read. */
async function onHost(
  reader: SequenceReader,
  prompt: readonly number[],
  count: number,
  settings: SampleSettings,
) {
  const [tokens, state] = [[...prompt], reader.newState()];
  let unread: readonly number[] = prompt;
  for (let k = 0; k < count; k++) {
    const logits = await reader.run(unread, state, 'last');
    unread = [sample(logits, settings, { uniform: () => uniform(k) } as SeededRandom, tokens)];
    tokens.push(...unread);
  }
  return tokens.slice(prompt.length);
}

/** Drawn on the device. `between` runs after each batch. */
async function onDevice(
  reader: SequenceReader,
  prompt: readonly number[],
  count: number,
  settings: SampleSettings,
  between = async () => {},
) {
  let k = 0;
  const found: number[] = [];
  for await (const batch of reader.sampled!(prompt, settings, () => uniform(k++))!) {
    found.push(...batch);
    if (found.length >= count) break;
    await between();
  }
  return found.slice(0, count);
}

describe.each(engines)('a model that attends, sampled on $name', ({ skip, create }) => {
  // Read in few steps, because a software GPU compiles slowly.
  const prompt = Array.from({ length: 33 }, (_, i) => (i * 37 + 5) % vocabulary);
  let engine: Engine;
  let reader: SequenceReader;
  let contextLength: number;
  beforeAll(async () => {
    if (skip) return;
    const parts = await loadIntoEngine(folder, create, {});
    engine = parts.engine;
    contextLength = (parts.architecture as AttentionArchitecture).contextLength;
    reader = sequenceReader({ ...parts, vocabulary, turns: new Turns() });
  });
  afterAll(() => engine?.dispose());

  it.skipIf(skip).each([
    { count: 40, settings: plain }, // beyond the 64 tokens for which a first cache has room
    { count: 8, settings: { ...plain, temperature: 0.8 } },
    { count: 8, settings: { ...plain, temperature: 1, topK: 20, topP: 0.9, repetitionPenalty: 1.3 } },
  ])('draws what the host draws from its logits: $count tokens, $settings', async ({ count, settings }) => {
    const expected = await onHost(reader, prompt, count, settings);
    expect(await onDevice(reader, prompt, count, settings)).toEqual(expected);
  });

  it.skipIf(skip)('shares its caches with sequences that are read meanwhile', async () => {
    const expected = await onHost(reader, prompt, 12, plain);
    const other = async () => {
      const logits = await reader.run([...prompt.slice(0, 31), 1], reader.newState(), 'last');
      expect(logits).toHaveLength(vocabulary);
    };
    expect(await onDevice(reader, prompt, 12, plain, other)).toEqual(expected);
  });

  it.skipIf(skip)('reads forced tokens, and draws only what is allowed', async () => {
    const allowed = new Uint32Array(vocabulary / 32).fill(0xaaaa_aaaa); // odd ids
    const limit = () => ({ forced: [7, 8], allowed });
    const all = [...prompt];
    for await (const [id] of reader.sampled!(prompt, plain, () => 0, undefined, limit)!) {
      all.push(7, 8);
      const logits = await reader.run(all, reader.newState(), 'last');
      const possible = logits.map((logit, token) => (token % 2 === 1 ? logit : Number.NEGATIVE_INFINITY));
      expect(id).toBe(possible.indexOf(Math.max(...possible)));
      if (all.push(id!) > prompt.length + 9) break;
    }
  });

  it.skipIf(skip)('ends where the context does', async () => {
    const long = Array.from({ length: contextLength - 1 }, (_, i) => (i * 37 + 5) % vocabulary);
    const found: number[] = [];
    const drawAll = async () => {
      for await (const batch of reader.sampled!(long, plain, () => 0)!) found.push(...batch);
    };
    await expect(drawAll()).rejects.toThrow('context');
    expect(found).toEqual(await onHost(reader, long, 2, plain));
  });
});
