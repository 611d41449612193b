import fs from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../checkpoint/testing.ts';
import { devices, fitOf } from './devices.ts';
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
    const each = of.filter(({ perCore }) => perCore).reduce((sum, { logic }) => sum + logic, 0);
    expect(each).toBeGreaterThan(core.logic);
    expect(five.logic - one.logic).toBe(4 * each);
    expect(five.multipliers).toBe(one.multipliers);
    expect(one.registers).toBe(of.reduce((sum, { registers }) => sum + registers, 0));
  }
});

it('counts the cores that a device holds', async () => {
  const { units } = (await readRtlReport(file))!;
  for (const device of devices) {
    const { cores, oneCore } = fitOf(device, units)!;
    const of = units.filter(({ target }) => target === device.target);
    const fits = (count: number) => {
      const { logic, multipliers, memoryBlocks } = clusterResources(of, count);
      const { has } = device;
      return logic <= 0.85 * has.logic && multipliers <= has.multipliers && memoryBlocks <= has.memoryBlocks;
    };
    if (cores > 0) expect(fits(cores), device.name).toBe(true);
    if (cores < 32) expect(fits(cores + 1), device.name).toBe(false);
    expect(oneCore.logic).toBeGreaterThan(0.1);
  }
});

it('says what is wrong with results, and where there are none', async () => {
  const folder = await temporaryFolder();
  expect(await readRtlReport(join(folder, 'rtl.json'))).toBeUndefined();
  const good = await fs.readFile(file, 'utf8');
  const wrong = join(folder, 'wrong.json');
  for (const [from, to, message] of [
    ['"logic":', '"logics":', /units\.0\..*logic.*`npx node rtl\/synthesise\.ts` in a clone writes it again/],
    ['{', '', /wrong\.json: content: /],
  ] as const) {
    await fs.writeFile(wrong, good.replace(from, to));
    await expect(readRtlReport(wrong)).rejects.toThrow(message);
  }
});
