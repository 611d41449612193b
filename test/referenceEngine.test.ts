/** Models run on the reference engine as on others, and the CPU engine's logits are those of its formulas. */
import { describe, expect, it } from 'vitest';
import { LanguageModel } from '../src/languageModel.ts';
import { architectureNames } from '../src/model/config.ts';
import { expectClose } from './opSuite.ts';
import { makeSmallModel } from './smallModel.ts';

const tokens = [3, 1, 4, 1, 5, 92, 65, 35, 0];

describe.each(architectureNames)('%s on the reference engine', (architecture) => {
  it('has the logits of the CPU, and writes the same text', async () => {
    const { folder, remove } = await makeSmallModel({ architecture });
    try {
      await using reference = await LanguageModel.load(folder, { engine: 'reference' });
      await using cpu = await LanguageModel.load(folder, { engine: 'cpu', threads: 0 });
      const [expected, found] = [await reference.forward(tokens), await cpu.forward(tokens)];
      expectClose('logits', found.logits, expected.logits, 1e-5);
      expect(await greedy(reference)).toEqual(await greedy(cpu));
    } finally {
      await remove();
    }
  });
});

async function greedy(model: LanguageModel): Promise<number[]> {
  const ids: number[] = [];
  const onToken = (id: number) => ids.push(id);
  for await (const _ of model.generate(tokens, { maxTokens: 6, temperature: 0, onToken }));
  return ids;
}
