/** A corpus and models so small that a run takes a second. */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exactNative } from '../../test/exactNative.ts';
import { CpuEngine } from '../engine/cpu/cpuEngine.ts';
import { WebGpuEngine } from '../engine/webgpu/webgpuEngine.ts';
import { type MatMulFreeConfig, namedConfig } from '../model/config.ts';
import type { Batch } from '../text/batches.ts';
import { listed } from '../text/testing.ts';
import { TextTokenizer } from '../text/tokenizer.ts';
import { TokenMix } from '../text/tokenMix.ts';
import { trainBpe } from '../text/trainBpe.ts';
import { writeShards } from '../text/writeShards.ts';
import type { Data } from './data.ts';
import { parseSettings, type TrainingChoices } from './settings.ts';
import type { Machine } from './trainer.ts';

/** A text that a small model memorises. */
export const rhyme = 'Add and subtract, add and subtract, never a product, and that is a fact.\n'.repeat(60);

/** Token shards of `text` in `<folder>/tokens`. */
export async function dataOf(folder: string, text = rhyme): Promise<Data> {
  await mkdir(folder, { recursive: true });
  const { json, config } = await trainBpe(listed([text]), { vocabularySize: 280 });
  const tokenizer = TextTokenizer.fromJson(json, config);
  const tokens = join(folder, 'tokens');
  await writeShards(tokens, listed([text]), tokenizer);
  return { tokenizer, shards: await TokenMix.open(tokens, tokenizer), folder: tokens };
}

export function smallConfig({ tokenizer }: Data): MatMulFreeConfig {
  const config = namedConfig('tiny', { vocabSize: tokenizer.vocabularySize });
  return { ...config, hiddenSize: 32, layers: 2, intermediateSize: 48, bosTokenId: 0, eosTokenId: 0 };
}

export const smallSettings = (choices: TrainingChoices = {}) =>
  parseSettings({ steps: 6, batch: 2, length: 16, warmup: 2, saveEvery: 2, validateEvery: 3, ...choices });

/** A batch of one sequence of 16 tokens, of which only the first ones are labelled. */
export function rowOf(labelled: number, vocabulary: number): Batch {
  const inputs = Int32Array.from({ length: 16 }, (_, i) => (7 * i + labelled) % vocabulary);
  const labels = inputs.map((id, i) => (i < labelled ? (id + 1) % vocabulary : -100));
  return { inputs, labels };
}

/** One batch of all sequences. */
export function joined(batches: readonly Batch[]): Batch {
  const all = (name: keyof Batch) => Int32Array.from(batches.flatMap((batch) => [...batch[name]]));
  return { inputs: all('inputs'), labels: all('labels') };
}

/** @param on threads of the CPU, or the GPU */
export async function withMachine<T>(
  use: (machine: Machine) => Promise<T>,
  on: number | 'webgpu' = 1,
): Promise<T> {
  const engine = await (on === 'webgpu'
    ? WebGpuEngine.create({ poison: true })
    : CpuEngine.create({ threads: on, poison: true, native: exactNative() }));
  try {
    return await use({ engine, limitBytes: 2 ** 32 });
  } finally {
    await engine.dispose();
  }
}

/** The content of weights and moments, by file name. */
export async function stateFiles(folder: string): Promise<Record<string, Buffer>> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.safetensors')).sort();
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name))] as const)),
  );
}
