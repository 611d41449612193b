/** The report of the study of recall. */

import { searchTable } from '../arms/armReport.ts';
import { type ArmRow, bestRows } from '../arms/arms.ts';
import { curvesFigure } from '../curvesFigure.ts';
import type { Report, Table } from '../study.ts';
import { recallLength, withoutBinding } from './mqar.ts';
import type { RecallOutcome, RecallResults } from './recall.ts';

export function recallReport(results: RecallResults): Report {
  const { plan, arms, recall, text, parameters } = results;
  const millions = (count: number) => `${(count / 1e6).toPrecision(3)} M`;
  const { rung, steps, tokens, keys } = plan.recall;
  return {
    title: 'Recall, and loss by position',
    text: [
      `Associative recall: ${rung.layers} layers of width ${rung.hiddenSize}, ${millions(parameters.recall)} parameters in ` +
        `the matrices of the MatMul-free model, ${steps} steps of ${tokens} tokens, each sequence read once. A sequence ` +
        `tells pairs of a key and a value (of ${keys} each), then asks for the value of every key in another order; ` +
        'accuracy is the share of values that are held most probable, in sequences kept out. A model that knows which ' +
        'values were told, but not with which key, and strikes off those that were asked for, reaches ' +
        `${plan.recall.pairs.map((pairs) => `${(100 * withoutBinding(pairs)).toFixed(1)} % of ${pairs} pairs`).join(', ')}.`,
      `Text: ${plan.text.rung.layers} layers of width ${plan.text.rung.hiddenSize}, ${millions(parameters.text)} parameters, ` +
        `${millions(plan.text.tokens)} tokens in windows of ${plan.text.length}. The loss of a token is averaged over ` +
        'windows kept out, by the number of tokens of the window before it.',
      'The learning rate of each arm is searched with the first seed, by loss of recall; other seeds train at the best ' +
        'one. Text is read at the middle rate of the search.',
    ],
    tables: [
      accuracyTable(results),
      positionTable(results),
      ...[...recall].map(([pairs, rows]) => ({
        ...searchTable(arms, rows),
        title: `Loss of ${pairs} pairs by learning rate, first seed`,
      })),
    ],
    figures: [
      {
        name: 'positions',
        caption: 'Loss by position in the window, each arm at its best rate.',
        svg: curvesFigure(
          'Loss by position',
          arms.flatMap(({ name, label, color }) => {
            const [best] = bestRows(text, name);
            const points = (best?.outcome.positions ?? [])
              .slice(1)
              .map(({ from, loss }) => [from, loss] as const);
            return points.length > 0 ? [{ label, color, points }] : [];
          }),
          { x: 'tokens before, at least', y: 'loss (nats a token)', logarithmic: true },
        ),
      },
    ],
    data: { plan, parameters, recall: [...recall].map(([pairs, rows]) => ({ pairs, rows })), text },
  };
}

function accuracyTable({ arms, recall }: RecallResults): Table {
  const pairs = [...recall.keys()].sort((a, b) => a - b);
  return {
    title: 'Accuracy of recall, %, of each seed',
    columns: ['', ...pairs.map((count) => `${count} pairs, ${recallLength(count)} tokens`)],
    rows: arms.map(({ name, label }) => [
      label,
      ...pairs.map((count) => accuracies(recall.get(count)!, name)),
    ]),
  };
}

/** Seeds learn the task or do not: their mean would say little. */
export function accuracies(rows: readonly ArmRow<RecallOutcome>[], arm: string): string {
  return bestRows(rows, arm)
    .toSorted((one, other) => one.seed - other.seed)
    .map(({ outcome }) => (100 * outcome.accuracy!).toFixed(1))
    .join(', ');
}

function positionTable({ arms, text }: RecallResults): Table {
  const rows = arms.flatMap(({ name, label }) => {
    const [best] = bestRows(text, name);
    const { positions } = best?.outcome ?? {};
    return positions ? [{ label, positions }] : [];
  });
  const stretches = rows[0]?.positions ?? [];
  return {
    title: 'Loss by position in the window, nats a token',
    columns: [
      'tokens before',
      ...stretches.map(({ from, end }) => (end - from > 1 ? `${from}–${end - 1}` : `${from}`)),
    ],
    rows: rows.map(({ label, positions }) => [label, ...positions.map(({ loss }) => loss.toFixed(3))]),
  };
}
