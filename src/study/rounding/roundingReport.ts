/** The report of the study of rounding. */

import type { ArmResults } from '../arms/armPlan.ts';
import { armTable, differenceOf, lossesBySeed, searchTable } from '../arms/armReport.ts';
import type { ArmRow } from '../arms/arms.ts';
import { bestRows } from '../arms/arms.ts';
import { curvesFigure } from '../curvesFigure.ts';
import { type Estimate, estimateOf, formatEstimate } from '../statistics.ts';
import type { Report, Table } from '../study.ts';

/** Comparisons that the study is about: what each asks, and the two arms. */
const questions = [
  ['ternary queries and keys beside float ones', 'bitnet-ternary-scores', 'bitnet'],
  ['ternary queries and keys beside the MLGRU', 'bitnet-ternary-scores', 'mlgru-ternary'],
  ['rounding weights, under the MLGRU', 'mlgru-ternary', 'mlgru-float'],
  ['rounding weights, under attention', 'llama-ternary', 'transformer'],
  ['recurrence beside attention, float weights', 'mlgru-float', 'transformer'],
  ['recurrence beside attention, ternary weights', 'mlgru-ternary', 'llama-ternary'],
] as const;

const floatArms =
  'The MLGRU with float weights keeps the norm before each projection; the Llama with ternary weights has one, as ' +
  'BitLinear has, and a ternary head.';

export function roundingReport({ plan, corpus, arms, rows, parameters }: ArmResults): Report {
  const millions = (count: number) => `${(count / 1e6).toPrecision(3)} M`;
  const effects = effectsOf(rows);
  return {
    title: 'What rounding costs',
    text: [
      `${millions(parameters)} parameters in the matrices of the MatMul-free model, ${millions(plan.tokens)} tokens of a ` +
        `corpus of ${millions(corpus.tokens)}, ${plan.batch} × ${plan.length} a step, one schedule for all (a cosine to ` +
        'zero). Loss is that of windows kept out of training, in nats a token. The learning rate of each arm is ' +
        'searched with the first seed, and the other seeds train at the best one. Intervals are of the mean over ' +
        'seeds, 95 % by Student’s t; differences are taken seed by seed.',
      ...(arms.some(({ name }) => name === 'mlgru-float') ? [floatArms] : []),
      'Scores: rotated queries and keys are rounded to −t, 0 or t, with t the mean magnitude of a head. Gradients go ' +
        'straight through all roundings.',
    ],
    tables: [armTable('Arms', arms, rows), effectsTable(effects), searchTable(arms, rows)],
    figures: [
      {
        name: 'curves',
        caption: 'Loss on text kept out during training, first seed, each arm at its best rate.',
        svg: curvesFigure(
          'Loss by tokens and arm',
          arms.flatMap(({ name, label, color }) => {
            const [best] = bestRows(rows, name);
            return best ? [{ label, color, points: best.outcome.curve.slice(1) }] : [];
          }),
        ),
      },
    ],
    data: { plan, corpus, parameters, rows, effects },
  };
}

interface Effect {
  readonly question: string;
  readonly estimate: Estimate;
}

function effectsOf(rows: readonly ArmRow[]): Effect[] {
  const effects = questions.flatMap(([question, one, other]) => {
    const estimate = differenceOf(rows, one, other);
    return estimate ? [{ question, estimate }] : [];
  });
  const interaction = interactionOf(rows);
  return interaction
    ? [
        ...effects,
        { question: 'interaction: rounding under the MLGRU less under attention', estimate: interaction },
      ]
    : effects;
}

/** (ternary − float) under the MLGRU, less the same under attention, seed by seed. */
function interactionOf(rows: readonly ArmRow[]): Estimate | undefined {
  const [ternary, float] = [lossesBySeed(rows, 'mlgru-ternary'), lossesBySeed(rows, 'mlgru-float')];
  const [ternaryBeside, floatBeside] = [
    lossesBySeed(rows, 'llama-ternary'),
    lossesBySeed(rows, 'transformer'),
  ];
  const values = [...ternary].flatMap(([seed, loss]) => {
    const all = [float.get(seed), ternaryBeside.get(seed), floatBeside.get(seed)];
    const [own, rounded, unrounded] = all;
    return own === undefined || rounded === undefined || unrounded === undefined
      ? []
      : [loss - own - (rounded - unrounded)];
  });
  return values.length > 0 ? estimateOf(values) : undefined;
}

function effectsTable(effects: readonly Effect[]): Table {
  return {
    title: 'Differences of loss',
    columns: ['', 'nats a token', 'seeds'],
    rows: effects.map(({ question, estimate }) => [
      question,
      formatEstimate(estimate, 4),
      `${estimate.count}`,
    ]),
  };
}
