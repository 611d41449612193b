/** Fused against plain BitLinear in training: time and memory of a step, over batch sizes. */
import { formatBytes, formatCount } from '../../format.ts';
import { type Bar, barFigure } from '../barFigure.ts';
import { matmulFree, paperShapes, paperVocabulary, type Shape } from '../families.ts';
import { matrixParameters } from '../scaling/flops.ts';
import type { Report, Study, StudyOptions, Table } from '../study.ts';
import {
  measureTraining,
  planTraining,
  secondsOf,
  type TrainingCase,
  type TrainingMeasurement,
  type TrainingPlanBytes,
} from './measureTraining.ts';

interface SizeCase {
  readonly size: string;
  readonly shape: Shape;
  readonly batches: readonly number[];
}

const paperCases: readonly SizeCase[] = [
  { size: '370M', shape: { ...paperShapes['370M'], vocabSize: paperVocabulary }, batches: [2, 4, 8, 16] },
  // The paper's size, in batches whose plain form fits a card of 80 GB.
  { size: '1.3B', shape: { ...paperShapes['1.3B'], vocabSize: paperVocabulary }, batches: [2, 4] },
];

const quickCases: readonly SizeCase[] = [
  { size: '2 × 64', shape: { layers: 2, hiddenSize: 64, vocabSize: 512 }, batches: [1, 2, 4] },
];

const modes = [
  { name: 'plain', label: 'plain', mode: 'plain', recompute: false },
  // Beside "fused, recomputing", so that recomputation counts on both sides.
  { name: 'plain-recomputing', label: 'plain, recomputing', mode: 'plain', recompute: true },
  { name: 'fused', label: 'fused', mode: 'training', recompute: false },
  { name: 'recomputing', label: 'fused, recomputing', mode: 'training', recompute: true },
] as const;

export interface EfficiencyRow {
  readonly size: string;
  readonly batch: number;
  readonly length: number;
  readonly mode: (typeof modes)[number]['name'];
  readonly planned: TrainingPlanBytes;
  readonly measured: TrainingMeasurement;
}

export const trainingEfficiency: Study = {
  name: 'training-efficiency',
  trains: false,
  hasSizes: true,
  async plan({ options }) {
    return casesOf(options).map(({ size, label, one }) => ({
      name: `${label} ${size}, ${one.batch} × ${one.length}`,
      what: `${formatCount(matrixParameters(one.config))} parameters`,
      seconds: secondsOf(one),
    }));
  },
  async carryOut({ run, publish, options, signal, say }) {
    const { engine, threads } = options;
    const rows: EfficiencyRow[] = [];
    for (const { size, name, one } of casesOf(options)) {
      const { batch, length } = one;
      const measured = await run(
        `${name}-${size.replaceAll(/[^\w.]+/g, '-')}-${batch}`,
        { ...one, threads },
        () => measureTraining(one, { engine, threads }, signal),
        secondsOf(one),
      );
      if (measured.failure) say(`  ${measured.failure}`);
      rows.push({ size, batch, length, mode: name, planned: planTraining(one), measured });
      await publish(reportOf(rows));
    }
  },
};

/** Compared cases are adjacent, so that an unfinished study still compares some. */
function casesOf({ quick, sizes }: StudyOptions) {
  const length = quick ? 64 : 1024;
  const chosen = (quick ? quickCases : paperCases).filter(({ size }) => sizes?.includes(size) ?? true);
  return chosen.flatMap(({ size, shape, batches }) =>
    batches.flatMap((batch) =>
      modes.map(({ name, label, mode, recompute }) => {
        const one: TrainingCase = { config: matmulFree.config(shape), mode, recompute, batch, length };
        return { size, name, label, one };
      }),
    ),
  );
}

const titleOf = ({ size, batch, length }: EfficiencyRow) =>
  `${size}, ${batch} × ${length.toLocaleString('en')}`;
const labelOf = ({ mode }: EfficiencyRow) => modes.find(({ name }) => name === mode)!.label;

function reportOf(rows: readonly EfficiencyRow[]): Report {
  return {
    title: 'Fused and plain BitLinear in training',
    text: [
      'A step is forward, backward, clipping and AdamW over a batch of sequences, with random weights. "Plain" records ' +
        'each projection as a framework would run plain modules: a norm, a quantiser of the activations, one of the ' +
        'weights and a dense product, whose results are stored for the backward pass. "Fused" is one op that keeps its ' +
        'input only, multiplies packed ternary weights with int8 activations, and computes what the backward pass needs ' +
        'again. "Recomputing" keeps the outputs of blocks only. Times are medians of five steps; memory is what the ' +
        'engine had in use, with weights and moments. What is planned is the program as it was recorded; a GPU, which ' +
        'does not store what comes before projections either, needs less.',
      'The paper (its Triton kernels against plain modules on an A100, 1.3B, 2⁸ × 1,024 tokens): 1.52 → 1.21 s, 25.6 % ' +
        'faster; 82 → 32 GB, 61.0 % less.',
    ],
    tables: [savingsTable(rows), measuredTable(rows)],
    figures: [
      figure(rows, 'time', 'Time of a training step', 'milliseconds', ({ measured: { step } }) =>
        step === undefined ? undefined : { value: step, words: (value) => `${value.toPrecision(3)} ms` },
      ),
      figure(rows, 'memory', 'Memory of training', 'gigabytes', ({ measured: { usedBytes } }) =>
        usedBytes === undefined
          ? undefined
          : { value: usedBytes / 1e9, words: (value) => formatBytes(value * 1e9) },
      ),
    ],
    data: { rows },
  };
}

function figure(
  rows: readonly EfficiencyRow[],
  name: string,
  title: string,
  axis: string,
  read: (row: EfficiencyRow) => { value: number; words: (value: number) => string } | undefined,
) {
  const found = rows.flatMap((row) => {
    const value = read(row);
    return value ? [{ row, value }] : [];
  });
  const bars: Bar[] = found.map(({ row, value }) => ({
    size: titleOf(row),
    label: labelOf(row),
    parts: { [axis]: value.value },
  }));
  const format = found[0]?.value.words ?? String;
  const caption = `${title}, by size and batch, in ${axis}.`;
  return { name, caption, svg: barFigure({ title, axis, colors: { [axis]: '#2166ac' }, bars, format }) };
}

function savingsTable(rows: readonly EfficiencyRow[]): Table {
  const plainOf = (row: EfficiencyRow) =>
    rows.find((other) => other.mode === 'plain' && titleOf(other) === titleOf(row))!;
  return {
    title: 'Beside plain BitLinear',
    columns: ['model and batch', 'how', 'faster', 'less memory', 'less memory, planned'],
    rows: rows
      .filter(({ mode }) => mode !== 'plain')
      .map((row) => {
        const plain = plainOf(row);
        return [
          titleOf(row),
          labelOf(row),
          ratio(plain.measured.step, row.measured.step, (a, b) => a / b - 1),
          ratio(plain.measured.usedBytes, row.measured.usedBytes, (a, b) => 1 - b / a),
          ratio(totalOf(plain.planned), totalOf(row.planned), (a, b) => 1 - b / a),
        ];
      }),
  };
}

function ratio(a: number | undefined, b: number | undefined, of: (a: number, b: number) => number): string {
  return a === undefined || b === undefined ? '' : `${(100 * of(a, b)).toFixed(1)} %`;
}

const totalOf = ({ kept, temporaries }: TrainingPlanBytes) => kept + temporaries;

function measuredTable(rows: readonly EfficiencyRow[]): Table {
  return {
    title: 'Measured, and planned',
    columns: [
      'model and batch',
      'how',
      'ms a step',
      'tokens/s',
      'memory',
      'weights and moments',
      'temporaries, planned',
    ],
    rows: rows.map((row) => {
      const { failure, step, usedBytes } = row.measured;
      return [
        titleOf(row),
        labelOf(row),
        step === undefined ? '' : step.toFixed(1),
        step === undefined ? '' : formatCount((1000 * row.batch * row.length) / step),
        failure ?? (usedBytes === undefined ? '' : formatBytes(usedBytes)),
        formatBytes(row.planned.kept),
        formatBytes(row.planned.temporaries),
      ];
    }),
  };
}
