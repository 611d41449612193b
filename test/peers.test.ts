/** Comparisons with lm-evaluation-harness find what differs, and the stored ones found nothing. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { summaryOf, type TaskSummary } from '../bench/peers/perItem.ts';
import { allTasks } from '../src/evaluate/tasks.ts';

const own = [
  {
    metrics: { acc: true },
    scores: [
      { logLikelihood: -2, greedy: false },
      { logLikelihood: -30, greedy: false },
    ],
  },
];
const sample = (first: number, acc: number) => ({
  ...{ doc_id: 0, acc },
  filtered_resps: [[first, false] as const, [-30.0001, false] as const],
});

it('equal scores agree; another score or another verdict does not', () => {
  const agreed = summaryOf('piqa', 'choice', own, [sample(-2, 1)]);
  expect(agreed).toMatchObject({ items: 1, requests: 2, otherVerdicts: 0, agrees: true });
  expect(agreed.maxDifference).toBeCloseTo(0.0001 / 30, 7);
  expect(summaryOf('piqa', 'choice', own, [sample(-2.01, 1)])).toMatchObject({ agrees: false });
  expect(summaryOf('piqa', 'choice', own, [sample(-2, 0)])).toMatchObject({
    otherVerdicts: 1,
    agrees: false,
  });
  expect(() => summaryOf('piqa', 'choice', own, [])).toThrow('found 0 items of the peer, expected 1');
});

it.for([
  ['peers-harness', ['stories', 'chat']],
  ['peers-trained', ['llama', 'bitnet']],
] as const)('%s has all tasks of all models, and all agree', ([name, models]) => {
  const path = join(import.meta.dirname, `../results/${name}.json`);
  const { rows } = JSON.parse(readFileSync(path, 'utf8')) as { rows: (TaskSummary & { model: string })[] };
  const expected = models.flatMap((model) => allTasks.map((task) => `${model} ${task.name}`));
  expect(rows.map(({ model, task }) => `${model} ${task}`)).toEqual(expected);
  expect(rows.filter(({ agrees, maxDifference }) => !agrees || !(maxDifference < 1e-4))).toEqual([]);
});
