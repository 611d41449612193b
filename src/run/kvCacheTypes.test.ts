import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { divergence } from '../../bench/divergence.ts';
import { LanguageModel } from '../languageModel.ts';
import { type KvCacheType, kvCacheTypes } from '../model/architecture.ts';

const folder = fileURLToPath(new URL('../../test/fixtures/golden/llama-tiny', import.meta.url));
const tokens = Array.from({ length: 150 }, (_, i) => (i * 7919 + 13) % 96);

async function read(kvCacheType?: KvCacheType) {
  await using model = await LanguageModel.load(folder, { engine: 'cpu', threads: 1, kvCacheType });
  const { logits } = await model.forward(tokens);
  const session = model.session();
  await session.append(tokens.slice(0, 61));
  await session.append(tokens.slice(61));
  return { logits, inParts: await session.logits(), perToken: model.memory.statePerToken };
}

describe('keys and values in fewer bits', () => {
  // results/kv-cache.md has what was measured: a hundredth to a tenth of these bounds.
  it.each([
    { type: 'f32', perToken: 512, bound: 0 },
    { type: 'f16', perToken: 256, bound: 1e-7 },
    { type: 'int8', perToken: 160, bound: 4e-5 },
  ] as const)('take $perToken bytes a token in $type', async ({ type, perToken, bound }) => {
    const expected = await read();
    const found = await read(type);
    expect(found.perToken).toBe(perToken);
    expect(divergence(expected.logits, found.logits, 96).meanDivergence).toBeLessThanOrEqual(bound);
  });

  it.each(kvCacheTypes)('give the same bits however a text is split: %s', async (type) => {
    const { logits, inParts } = await read(type);
    expect(inParts).toEqual(logits.subarray(-96));
  });

  it('are refused in other types', async () => {
    await expect(LanguageModel.load(folder, { kvCacheType: 'f8' as KvCacheType })).rejects.toThrow(
      'kvCacheType: found f8, expected f32, f16, int8',
    );
  });
});
