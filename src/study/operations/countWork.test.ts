/** Formats of weights change bytes and the numbers that are multiplied, by their formulas; nothing else. */
import { expect, it } from 'vitest';
import { architectureOf } from '../../model/architecture.ts';
import { namedConfig } from '../../model/config.ts';
import { weightBytes, weightFormats } from '../weightFormats.ts';
import { countWork } from './countWork.ts';

const config = namedConfig('tiny', {
  ...{ architecture: 'llama', layers: 2, hiddenSize: 128, intermediateSize: 256, vocabSize: 512 },
});
const [bf16, int8, four] = weightFormats;
/** Queries, keys, values and output; three matrices of the MLP. */
const blocks = 2 * (4 * 128 * 128 + 3 * 128 * 256);
const rows = 2 * (4 * 128 + 2 * 256 + 128);
const head = 512 * 128;
const options = { tokens: 1, context: 64, kvCacheType: 'f16' } as const;

it('weighs the matrices of blocks by the formula, and embedding, head and norms as they are', () => {
  const specs = architectureOf(config).parameters();
  const rest = 2 * (2 * head) + 4 * (5 * 128);
  expect(weightBytes(specs, bf16!)).toBe(2 * blocks + rest);
  expect(weightBytes(specs, int8!)).toBe(blocks + 4 * rows + rest);
  expect(weightBytes(specs, four!)).toBe((blocks * (4 + 20 / 128)) / 8 + rest);
});

it('reads fewer bytes, and multiplies integers where the format does', () => {
  const [plain, sixteen, eight, small] = [undefined, bf16, int8, four].map((format) =>
    countWork(config, { ...options, format }),
  );
  expect(plain!.bytes - sixteen!.bytes).toBe(0);
  expect(plain!.bytes - eight!.bytes).toBe(blocks - 4 * rows);
  expect(plain!.bytes - small!.bytes).toBe(2 * blocks - (blocks * (4 + 20 / 128)) / 8);
  // Attention over 64 keys: scores and sums of the values, in both layers.
  const others = head + 2 * (2 * 64 * 128);
  expect(plain!.productMultiplications).toBe(blocks + others);
  expect(sixteen).toMatchObject({ productMultiplications: 0, bf16Multiplications: blocks + others });
  expect(eight).toMatchObject({ int8Multiplications: blocks, bf16Multiplications: others });
  expect(eight!.integerAdditions).toBe(blocks);
  expect(eight!.floatAdditions).toBe(plain!.floatAdditions - blocks);
});
