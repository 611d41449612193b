import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeSmallModel, type SmallModel } from '../../test/smallModel.ts';
import { CpuEngine } from '../engine/cpu/cpuEngine.ts';
import { LanguageModel } from '../languageModel.ts';
import { loadIntoEngine } from '../loadModel.ts';

let small: SmallModel;
beforeAll(async () => {
  small = await makeSmallModel({ architecture: 'llama', contextLength: 512 });
});
afterAll(() => small?.remove());

async function load(memoryLimit?: number): Promise<LanguageModel> {
  const create = () => CpuEngine.create({ threads: 0, memoryLimit });
  return new LanguageModel(await loadIntoEngine(small.folder, create, {}));
}

/** The memory in use after each of `turns` continuations of three sequences, which take turns. */
async function usedAfterEach(model: LanguageModel, turns: number): Promise<number[]> {
  const sessions = [1, 2, 3].map(() => model.session());
  for (const [k, session] of sessions.entries())
    await session.append(Array.from({ length: 300 }, (_, i) => (i * 7 + k * 31) % 590));
  const used: number[] = [];
  for (let turn = 0; turn < turns; turn++) {
    const session = sessions[turn % sessions.length]!.fork();
    await session.append([turn, turn + 1]);
    used.push(model.memory.inUse);
  }
  return used;
}

it('a cache that makes room for another gives back all that it and its programs took', async () => {
  await using roomy = await load();
  const [one] = await usedAfterEach(roomy, 1);
  const all = (await usedAfterEach(roomy, 3))[2]!;
  await using narrow = await load(one! + (all - one!) / 4);
  const used = await usedAfterEach(narrow, 24);
  expect(Math.max(...used)).toBeLessThan(all);
  expect(used.slice(6)).toEqual(used.slice(0, -6)); // as if nothing had happened before
});
