/** Sessions of models that attend: what they remember is their tokens, and caches of keys and values come and go. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LanguageModel } from '../src/languageModel.ts';
import { SeededRandom } from '../src/text/seededRandom.ts';

const vocabulary = 96;

describe.each(['llama-tiny', 'bitnet-tiny'])('%s', (name) => {
  let model: LanguageModel;
  const random = new SeededRandom(3);
  const tokensOf = (count: number) => Array.from({ length: count }, () => random.integer(vocabulary));
  const lastLogits = async (tokens: readonly number[]) =>
    (await model.forward(tokens)).logits.subarray(-vocabulary);

  beforeAll(async () => {
    const folder = fileURLToPath(new URL(`fixtures/golden/${name}`, import.meta.url));
    model = await LanguageModel.load(folder, { threads: 2 });
  });
  afterAll(() => model.dispose());

  it('gives the logits of one pass, however a conversation is put together', async () => {
    const session = model.session();
    const all: number[] = [];
    for (const count of [3, 1, 70, 2, 40]) {
      const part = tokensOf(count);
      all.push(...part);
      await session.append(part);
      expect(await session.logits()).toEqual(await lastLogits(all));
    }
    expect(session.tokens).toBe(116);
  });

  it('forks, saves and restores to the same bits', async () => {
    const context = tokensOf(30);
    const session = model.session();
    await session.append(context);
    const saved = session.save();
    expect(saved.length).toBeLessThan(3000); // tokens, not their keys and values
    for (const ending of [tokensOf(4), tokensOf(1), tokensOf(9)]) {
      const expected = await lastLogits([...context, ...ending]);
      for (const again of [session.fork(), model.restore(saved)]) {
        await again.append(ending);
        expect(await again.logits()).toEqual(expected);
      }
    }
    expect(await session.logits()).toEqual(await lastLogits(context));
  });

  it('keeps more conversations apart than it has caches, whoever takes the turn', async () => {
    const conversations = Array.from({ length: 7 }, () => ({
      session: model.session(),
      tokens: [] as number[],
    }));
    for (let round = 0; round < 3; round++) {
      await Promise.all(
        conversations.map(async ({ session, tokens }) => {
          const part = tokensOf(5);
          tokens.push(...part);
          await session.append(part);
        }),
      );
    }
    for (const { session, tokens } of conversations) {
      expect(await session.logits()).toEqual(await lastLogits(tokens));
    }
  });

  it('generates the same tokens in a session and by itself', async () => {
    const prompt = tokensOf(12);
    const alone: number[] = [];
    const options = { maxTokens: 20, temperature: 0.7, seed: 5, stopAtEos: false };
    for await (const _ of model.generate(prompt, { ...options, onToken: (id) => alone.push(id) }));
    const session = model.session();
    await session.append(prompt);
    const together: number[] = [];
    for await (const _ of session.generate({ ...options, onToken: (id) => together.push(id) }));
    expect(together).toEqual(alone);
  });

  it('refuses a sequence that is longer than the model attends to, and continues', async () => {
    const session = model.session();
    await session.append(tokensOf(250));
    const before = session.save();
    await expect(session.append(tokensOf(20))).rejects.toThrow(
      /found a sequence of 269 tokens, expected at most 256, the context length of this model/,
    );
    expect(session.save()).toEqual(before);
    await session.append(tokensOf(3));
    expect((await session.logits()).every(Number.isFinite)).toBe(true);
  });

  it('tells what memory a conversation takes', () => {
    const { statePerToken, statePerSequence } = model.memory;
    expect(statePerToken).toBe(2 * 2 * 32 * 4); // 2 layers of keys and values, 2 heads of 16, f32
    expect(statePerSequence).toBe(256 * statePerToken);
  });
});
