import fs from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../checkpoint/testing.ts';
import { clusterResources, readRtlReport } from './resources.ts';

const file = new URL('../../results/rtl.json', import.meta.url);

it('sums the units of a cluster, those of each core as often as there are cores', async () => {
  const { units } = (await readRtlReport(file))!;
  const targets = Map.groupBy(units, ({ target }) => target);
  expect([...targets.keys()]).toHaveLength(3);
  for (const of of targets.values()) {
    const core = of.find(({ module }) => module === 'pm_ternary_core')!;
    expect(core).toMatchObject({ perCore: true, multipliers: 0 });
    const [one, five] = [clusterResources(of, 1), clusterResources(of, 5)];
    const streamer = of.find(({ module }) => module === 'pm_streamer')!;
    expect(five.logic - one.logic).toBe(4 * (core.logic + streamer.logic));
    expect(five.multipliers).toBe(one.multipliers);
    expect(one.registers).toBe(of.reduce((sum, { registers }) => sum + registers, 0));
  }
});

it('says what is wrong with results, and where there are none', async () => {
  const folder = await temporaryFolder();
  expect(await readRtlReport(join(folder, 'rtl.json'))).toBeUndefined();
  const good = await fs.readFile(file, 'utf8');
  const wrong = join(folder, 'wrong.json');
  for (const [from, to, message] of [
    ['"logic":', '"logics":', /units\.0\..*logic.*`node rtl\/synthesise\.ts` writes it anew/],
    ['{', '', /wrong\.json: content: /],
  ] as const) {
    await fs.writeFile(wrong, good.replace(from, to));
    await expect(readRtlReport(wrong)).rejects.toThrow(message);
  }
});
