/**
 * Embeddings and heads in every type that GGUF files have them in: they stay as they are stored, or become codes with scales,
 * never floats of 32 bits, and give the logits of the floats that they stand for.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type EngineUnderTest, gpuEngines } from '../../../test/engines.ts';
import { CpuEngine } from '../../engine/cpu/cpuEngine.ts';
import { bytesOf } from '../../engine/engine.ts';
import { ReferenceEngine } from '../../engine/reference/referenceEngine.ts';
import { LanguageModel } from '../../languageModel.ts';
import { loadIntoEngine } from '../../loadModel.ts';
import { SeededRandom } from '../../text/seededRandom.ts';
import { convertCheckpoint } from '../convert.ts';
import { f32ToBf16, f32ToF16 } from '../floats.ts';
import { temporaryFolder } from '../testing.ts';
import { dequantise } from './dequantise.ts';
import { exportGguf } from './exportGguf.ts';
import { ggufBytes, ggufFile, type PlainTensor } from './testing.ts';
import { typeIds, typeOf } from './types.ts';

const [vocabulary, width] = [75, 256];
const prompt = [5, 9, 20, 31, 74];

/** Bytes that a weight takes in memory, and where a block has its numbers in half precision. */
const types = {
  F16: { bytes: 2, halves: [] },
  BF16: { bytes: 2, halves: [] },
  Q8_0: { bytes: 1 + 2 / 32, halves: [0] },
  Q4_0: { bytes: 1 / 2 + 6 / 32, halves: [0] },
  Q4_K: { bytes: 1 / 2 + 8 / 32, halves: [0, 2] },
  Q5_K: { bytes: 1 + 8 / 32, halves: [0, 2] },
  Q6_K: { bytes: 1 + 4 / 16, halves: [208] },
} as const;
type TableType = keyof typeof types;

function table(type: TableType, seed: number): Uint8Array<ArrayBuffer> {
  const random = new SeededRandom(seed);
  const size = vocabulary * width;
  if (type !== 'F16' && type !== 'BF16') return blocks(type, size, types[type].halves, random);
  const floats = random.fillNormal(new Float32Array(size), 0.1);
  const narrow = type === 'F16' ? f32ToF16 : f32ToBf16;
  return new Uint8Array(narrow(floats, new Uint16Array(size)).buffer as ArrayBuffer);
}

/** Blocks of random codes; the numbers in half precision are small. */
function blocks(type: keyof typeof typeIds, size: number, halves: readonly number[], random: SeededRandom) {
  const { blockElements, blockBytes } = typeOf(typeIds[type])!;
  const bytes = Uint8Array.from({ length: (size / blockElements) * blockBytes }, () => random.integer(256));
  const view = new DataView(bytes.buffer);
  for (let block = 0; block < bytes.length; block += blockBytes) {
    for (const at of halves) {
      const [half] = f32ToF16(Float32Array.of(0.001 * (1 + random.uniform())), new Uint16Array(1));
      view.setUint16(block + at, half!, true);
    }
  }
  return bytes;
}

/** A ternary matrix in TQ2_0. Of two bits, 3 is no code. */
function ternary(name: string, random: SeededRandom): PlainTensor {
  const data = blocks('TQ2_0', width * width, [64], random);
  const codes = data.map((byte, k) => (k % 66 < 64 ? byte & ~((byte & (byte >> 1) & 0x55) * 3) : byte));
  return { name, dimensions: [width, width], type: typeIds.TQ2_0, data: codes };
}

/** @param asFloats whether the file holds the floats that the tables stand for */
function modelBytes(type: TableType, asFloats = false) {
  const random = new SeededRandom(3);
  const norm = (name: string): PlainTensor => {
    return { name, dimensions: [width], type: 0, data: bytesOf(new Float32Array(width).fill(1)) };
  };
  const tableOf = (name: string, seed: number): PlainTensor => {
    const stored = table(type, seed);
    if (!asFloats) return { name, dimensions: [width, vocabulary], type: typeIds[type], data: stored };
    const values = new Float32Array(width * vocabulary);
    dequantise(typeOf(typeIds[type])!, stored, values);
    return { name, dimensions: [width, vocabulary], type: 0, data: bytesOf(values) };
  };
  const square = ['attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'];
  return ggufBytes(
    {
      'general.architecture': 'llama',
      'llama.context_length': 64,
      'llama.embedding_length': width,
      'llama.block_count': 1,
      'llama.feed_forward_length': width,
      'llama.attention.head_count': 4,
      'llama.attention.layer_norm_rms_epsilon': 1e-5,
    },
    [
      ...[tableOf('token_embd.weight', 1), tableOf('output.weight', 2)],
      ...['output_norm', 'blk.0.attn_norm', 'blk.0.ffn_norm'].map((name) => norm(`${name}.weight`)),
      ...square.map((name) => ternary(`blk.0.${name}.weight`, random)),
    ],
  );
}

/** Logits of the prompt and bytes of a weight of the tables in memory. */
async function loaded(bytes: Uint8Array, create: EngineUnderTest['create']) {
  const parts = await loadIntoEngine(await ggufFile(bytes), create, {});
  const tables = parts.weights.all().filter(({ name }) => /embed_tokens|lm_head/.test(name));
  const model = new LanguageModel(parts);
  try {
    const { logits } = await model.forward(prompt);
    return {
      logits,
      bytes: tables.reduce((sum, tensor) => sum + tensor.bytes, 0) / (2 * vocabulary * width),
    };
  } finally {
    await model.dispose();
  }
}

function difference(found: Float32Array, expected: Float32Array): number {
  const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  return found.reduce((max, value, k) => Math.max(max, Math.abs(value - expected[k]!)), 0) / largest;
}

const engines: EngineUnderTest[] = [
  { name: 'reference', skip: false, create: async () => new ReferenceEngine() },
  { name: 'cpu', skip: false, create: () => CpuEngine.create({ threads: 1, poison: true }) },
  ...gpuEngines,
];
for (const { name, skip, create } of engines) {
  describe.skipIf(skip)(`tables on ${name}`, { timeout: 120_000 }, () => {
    it.each(Object.keys(types) as TableType[])('%s', async (type) => {
      const { logits, bytes } = await loaded(modelBytes(type), create);
      expect(bytes).toBe(types[type].bytes);
      const expected = await loaded(modelBytes(type, true), create);
      expect(expected.bytes).toBe(4);
      // Activations are rounded to int8 before they meet codes.
      expect(difference(logits, expected.logits)).toBeLessThan(0.02);
    });
  });
}

it.each(['Q4_0', 'Q4_K', 'Q5_K', 'Q6_K'] as const)(
  '%s: packed, as floats, and written as GGUF again',
  async (type) => {
    const [folder, source] = [await temporaryFolder(), await ggufFile(modelBytes(type))];
    const logitsOf = async (path: string) => {
      const create = () => CpuEngine.create({ threads: 0 });
      const model = new LanguageModel(await loadIntoEngine(path, create, {}));
      const { logits } = await model.forward(prompt);
      await model.dispose();
      return logits;
    };
    const expected = await logitsOf(source);
    for (const to of ['packed', 'f32'] as const) await convertCheckpoint(source, join(folder, to), { to });
    await exportGguf(join(folder, 'packed'), join(folder, 'again.gguf'));
    expect(await logitsOf(join(folder, 'packed'))).toEqual(expected);
    // Q4_0 is written as itself; scales of the others are products, which no type holds.
    if (type === 'Q4_0') expect(await logitsOf(join(folder, 'again.gguf'))).toEqual(expected);
    for (const path of ['f32', 'again.gguf'])
      expect(difference(await logitsOf(join(folder, path)), expected), path).toBeLessThan(0.02);
  },
);

it('codes of four bits with other offsets than those of Q4_0 are not written as GGUF', async () => {
  const folder = join(await temporaryFolder(), 'packed');
  await convertCheckpoint(await ggufFile(modelBytes('Q4_0')), folder, { to: 'packed' });
  const path = join(folder, 'model.safetensors');
  const bytes = await readFile(path);
  const header = Number(bytes.readBigUInt64LE());
  const tensors = JSON.parse(bytes.toString('utf8', 8, 8 + header));
  bytes.writeFloatLE(1, 8 + header + tensors['lm_head.weight_offset'].data_offsets[0]);
  await writeFile(path, bytes);
  await expect(exportGguf(folder, join(folder, 'again.gguf'))).rejects.toThrow(
    /"lm_head.weight": found the offset 1 with the scale [\d.]+, expected −8 times the scale, as in Q4_0/,
  );
});
