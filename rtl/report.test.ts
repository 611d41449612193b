/** The report of docs/accelerator.md, which simulates models cycle by cycle: too long for `npm test`. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const program = fileURLToPath(new URL('../bin/plusminus.js', import.meta.url));

it('plusminus accelerator report simulates the machines that it is asked for', () => {
  const args = ['accelerator', 'report', '--clock', '60', '--cores', '1,2', '--json'];
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  const { models } = JSON.parse(stdout) as {
    models: { model: string; cores: number; tokensPerSecond: number }[];
  };
  expect([...new Set(models.map(({ cores }) => cores))]).toEqual([1, 2]);
  const [one, two] = models.filter(({ model }) => model === '370M');
  expect(two!.tokensPerSecond / one!.tokensPerSecond).toBeGreaterThan(1.5);
});
