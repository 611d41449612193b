import { describe, expect, it } from 'vitest';
import { alone, type Group } from './group.ts';
import { takeOwnGpu } from './ownGpu.ts';
import { listGpus, type VulkanGpu } from './vulkan.ts';

const card = (bus: string): VulkanGpu => ({ name: 'H100', kind: 'discrete', address: `0000:${bus}:00.0` });
const onBoard: VulkanGpu = { name: 'on board', kind: 'integrated', address: '0000:00:02.0' };
const inSoftware: VulkanGpu = { name: 'SwiftShader', kind: 'other' };
const cards = ['c1', '41', '82'].map(card); // as Vulkan may list them: in no order

/** Ranks of one host, each with a process and an environment of its own, that ask together. */
async function ask(
  ranks: number,
  listWith: (env: NodeJS.ProcessEnv) => readonly VulkanGpu[],
  given: NodeJS.ProcessEnv = {},
) {
  const said: unknown[] = [];
  const all = Promise.withResolvers<unknown[]>();
  const rankOf = (rank: number): Group => ({
    ...alone,
    ...{ rank, size: ranks, local: { rank, size: ranks }, hosts: Array(ranks).fill('node1') },
    gather: async <T>(value: T) => {
      said[rank] = value;
      if (Object.keys(said).length === ranks) all.resolve(said);
      return (await all.promise) as T[];
    },
  });
  const asked = Array.from({ length: ranks }, async (_, rank) => {
    const env = { ...given };
    return { ...(await takeOwnGpu(rankOf(rank), async () => listWith(env), env)), env };
  });
  return (await Promise.all(asked))[0]!;
}

const tag = ({ address }: VulkanGpu) => `pci-${address!.replaceAll(/[:.]/g, '_')}`;
const first = (gpu: VulkanGpu | undefined) =>
  gpu ? [gpu, ...cards.filter((other) => other !== gpu)] : cards;

describe('a GPU for each rank', () => {
  it('is listed first by the layer that selects devices', async () => {
    const layer = (env: NodeJS.ProcessEnv) => first(cards.find((gpu) => tag(gpu) === env.DRI_PRIME));
    const { gpus, warning } = await ask(3, layer);
    expect(gpus).toEqual(['H100 at 0000:41:00.0', 'H100 at 0000:82:00.0', 'H100 at 0000:c1:00.0']);
    expect(warning).toBeUndefined();
    // More ranks than GPUs share them evenly, and nothing is odd about that.
    const six = await ask(6, layer);
    expect(six.gpus).toEqual([...gpus, ...gpus]);
    expect(six.warning).toBeUndefined();
  });

  it('is found where the layer takes a tag for "any but this one"', async () => {
    const pair = cards.slice(0, 2);
    const layer = ({ DRI_PRIME }: NodeJS.ProcessEnv) =>
      DRI_PRIME === tag(pair[0]!) ? pair.toReversed() : pair;
    const { gpus, warning } = await ask(2, layer);
    expect(gpus).toEqual(['H100 at 0000:41:00.0', 'H100 at 0000:c1:00.0']);
    expect(warning).toBeUndefined();
  });

  it('is missed where there is no such layer, and rank 0 says what to do', async () => {
    const { warning, env } = await ask(2, () => [onBoard, ...cards]);
    expect(warning).toMatch(/^on node1 2 ranks share 1 of 3 GPUs; "mpirun … scripts\/ownGpu\.sh /);
    expect(env.DRI_PRIME).toBeUndefined();
  });

  it('is left to a user who has chosen', async () => {
    const { env } = await ask(2, () => cards, { DRI_PRIME: '1' });
    expect(env.DRI_PRIME).toBe('1');
  });

  it('is the only one where the launcher hides the others, or there is but one in software', async () => {
    expect((await ask(2, () => [cards[0]!])).gpus).toEqual(Array(2).fill('H100 at 0000:c1:00.0'));
    expect(await ask(2, () => [inSoftware])).toMatchObject({ gpus: ['SwiftShader', 'SwiftShader'] });
    expect((await ask(2, () => [])).gpus[0]).toMatch(/does not list/);
  });

  it('Vulkan lists what is here, or nothing', async () => {
    for (const gpu of await listGpus()) expect(gpu.name).not.toBe('');
  });
});
