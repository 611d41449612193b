/** The bundled chat against the gates that it passed when it was measured: the prompts of the recorded report. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { modelsFolder } from '../../src/checkpoint/bundledModels.ts';
import { LanguageModel } from '../../src/languageModel.ts';
import { type GateReport, hashOf, measure } from './gates.ts';

const folder = join(modelsFolder, 'chat');
const recorded = join(import.meta.dirname, '../../results/chat/gates-webgpu.json');
const report: GateReport = JSON.parse(await readFile(recorded, 'utf8'));

it('the recorded gates are those of the bundled file', async () => {
  expect(report.weights).toBe(await hashOf(folder));
});

it.each([
  ['identity', 100],
  ['sums', 95],
  ['declined', 90],
])(
  '%s: at least %i per cent of the first prompts are answered right',
  async (group, percent) => {
    await using model = await LanguageModel.load(folder);
    const cases = report.cases.filter((one) => one.group === group).slice(0, 20);
    const judged = await measure(model, cases);
    expect(judged.every(({ ended }) => ended)).toBe(true);
    const right = judged.filter((one) => one.right).length;
    expect((100 * right) / cases.length).toBeGreaterThanOrEqual(percent);
  },
  60_000,
);
