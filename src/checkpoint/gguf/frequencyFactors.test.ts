/** Llama 3's positions in a GGUF file: a tensor of factors, one for each frequency. */
import { expect, it } from 'vitest';
import { attends } from '../../model/config.ts';
import { type Rope, rotationOf } from '../../model/rope.ts';
import { Checkpoint } from '../checkpoint.ts';
import { ggufBytes, ggufFile, smallLlama, zeros } from './testing.ts';

const [theta, headSize] = [500_000, 64];
const llama3: Rope = {
  ...{ theta, type: 'llama3', factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4 },
  originalLength: 8192,
};

/** A file with these factors, whose heads have 64 entries. */
function withFactors(factors: Float32Array): Promise<string> {
  const metadata = {
    ...smallLlama,
    ...{ 'llama.embedding_length': 128, 'llama.rope.freq_base': theta },
  };
  const tensor = { name: 'rope_freqs.weight', dimensions: [factors.length], type: 0 };
  const data = new Uint8Array(factors.buffer);
  return ggufFile(ggufBytes(metadata, [zeros('token_embd.weight', [128, 4]), { ...tensor, data }]));
}

it('gives the frequencies of Llama 3', async () => {
  const plain = rotationOf({ theta, type: 'default' }, headSize).frequencies;
  const expected = rotationOf(llama3, headSize).frequencies;
  const factors = Float32Array.from(plain, (frequency, i) => frequency / expected[i]!);
  expect(Math.max(...factors)).toBeCloseTo(8); // the slow ones turn an eighth as fast, the fast ones as ever
  expect(Math.min(...factors)).toBeCloseTo(1);
  await using checkpoint = await Checkpoint.open(await withFactors(factors));
  const { config } = checkpoint;
  if (!attends(config)) throw new Error('expected a model that attends');
  const found = rotationOf(config.rope, config.headSize);
  expect(found.magnitude).toBe(1);
  for (const [i, frequency] of found.frequencies.entries())
    expect(Math.abs(frequency / expected[i]! - 1)).toBeLessThan(1e-6); // factors are f32
});

it('refuses factors for another size of head', async () => {
  const path = await withFactors(new Float32Array(16).fill(1));
  await expect(Checkpoint.open(path)).rejects.toThrow(
    /"rope_freqs.weight": found F32 of shape \[16\], expected F32 of shape \[32\], half of a head/,
  );
});
