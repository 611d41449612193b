/** The bundled chat against the gates that it passed when it was measured: the prompts of the recorded report. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { modelsFolder } from '../../src/checkpoint/bundledModels.ts';
import { LanguageModel } from '../../src/languageModel.ts';
import type { FormReport } from './forms.ts';
import { type GateReport, hashOf, measure } from './gates.ts';
import { gateResults } from './judge.ts';

const folder = join(modelsFolder, 'chat');
const recordedFolder = join(import.meta.dirname, '../../results/chat');
const report: GateReport = JSON.parse(await readFile(join(recordedFolder, 'gates-webgpu.json'), 'utf8'));

it('the recorded gates are those of the bundled file', async () => {
  expect(report.weights).toBe(await hashOf(folder));
});

it('the recorded forms and calls are those of the bundled file, all of the form that was asked for', async () => {
  const forms: FormReport = JSON.parse(await readFile(join(recordedFolder, 'forms.json'), 'utf8'));
  expect(forms.weights).toBe(await hashOf(folder));
  for (const { free, held } of [forms.forms, forms.calls]) {
    expect(held.valid).toBe(held.count);
    expect(free.right / free.count).toBeGreaterThanOrEqual(0.95);
  }
});

it('the recorded answers pass every gate, those of harder prompts too, and none is cut', () => {
  const results = gateResults(report.cases);
  expect(results).toEqual(report.results);
  expect(results.filter(({ passed }) => passed === false)).toEqual([]);
  expect(results.filter(({ cut }) => cut > 0)).toEqual([]);
  const percent = Object.fromEntries(
    results.map(({ group, right, count }) => [group, (100 * right) / count]),
  );
  expect(percent['story (unseen subject)']).toBeGreaterThanOrEqual(95);
  expect(percent.games).toBeGreaterThanOrEqual(95);
  expect(percent['recall (unseen name)']).toBeGreaterThanOrEqual(90);
  expect(percent.everyday).toBeGreaterThanOrEqual(90);
});

it.each([
  ['identity', 100, 20],
  ['sums', 95, 20],
  ['declined', 90, 20],
  ['story', 90, 10],
  ['story (unseen subject)', 95, 10],
  ['recall', 80, 5], // each has nine turns
])(
  '%s: at least %i per cent of the first %i prompts are answered right',
  async (group, percent, first) => {
    await using model = await LanguageModel.load(folder);
    const cases = report.cases.filter((one) => one.group === group).slice(0, first);
    const judged = await measure(model, cases);
    expect(judged.every(({ ended }) => ended)).toBe(true);
    const right = judged.filter((one) => one.right).length;
    expect((100 * right) / cases.length).toBeGreaterThanOrEqual(percent);
  },
  120_000,
);
