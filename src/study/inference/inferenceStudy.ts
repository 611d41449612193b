/** Memory and latency of reading and generating, batch 1, at the paper's sizes, with random weights. */
import { formatBytes, formatCount } from '../../format.ts';
import type { KvCacheType } from '../../model/architecture.ts';
import { barFigure } from '../barFigure.ts';
import {
  bitNet,
  type Family,
  matmulFree,
  paperShapes,
  paperSizes,
  paperVocabulary,
  type Shape,
  transformer,
} from '../families.ts';
import { joulesOfToken } from '../operations/countWork.ts';
import { energyTables } from '../operations/energy.ts';
import { matrixParameters } from '../scaling/flops.ts';
import type { Report, Study, StudyOptions, Table } from '../study.ts';
import { describeFormats } from '../weightFormats.ts';
import { type CountedRow, countedTable, countReduced } from './counted.ts';
import { describeEnergy, energyTable } from './energyTable.ts';
import type { InferenceRow } from './inferenceRow.ts';
import { type InferenceCase, measureInference, planInference, secondsOf } from './measureInference.ts';

interface SizeCase {
  readonly size: string;
  readonly shape: Shape;
}

const paperCases: readonly SizeCase[] = [
  ...paperSizes.map((size) => ({ size, shape: { ...paperShapes[size], vocabSize: paperVocabulary } })),
  // The paper shows what one layer takes, too.
  { size: '13B, one layer', shape: { ...paperShapes['13B'], layers: 1, vocabSize: paperVocabulary } },
];

const quickCases: readonly SizeCase[] = [
  [4, 128],
  [6, 256],
  [8, 512],
].map(([layers, hiddenSize]) => ({
  size: `${layers} × ${hiddenSize}`,
  shape: { layers: layers!, hiddenSize: hiddenSize!, vocabSize: 4096 },
}));

/** Those that are measured unless others are asked for. */
const families: readonly Family[] = [matmulFree, bitNet, transformer];

export const inferenceStudy: Study = {
  name: 'inference',
  trains: false,
  families,
  hasSizes: true,
  async plan({ options }) {
    return casesOf(options).map(({ size, label, one }) => ({
      name: `${label} ${size}`,
      what: `${formatCount(matrixParameters(one.config))} parameters, ${one.length} tokens`,
      seconds: secondsOf(one),
    }));
  },
  async carryOut({ run, publish, options, signal, say }) {
    const { engine, threads } = options;
    const rows: InferenceRow[] = [];
    const counted = countedOf(options);
    for (const { size, family, label, one } of casesOf(options)) {
      const { kvCacheType } = one;
      const title = [family, size.replaceAll(/[^\w.]+/g, '-'), kvCacheType].filter(Boolean).join('-');
      const measured = await run(
        title,
        { ...one, threads },
        () => measureInference(one, { engine, threads }, signal),
        secondsOf(one),
      );
      if (measured.failure) say(`  ${measured.failure}`);
      const countedJoules = { forward: joules(one, one.length), decode: joules(one, 1) };
      rows.push({ size, family, label, kvCacheType, planned: planInference(one), countedJoules, measured });
      await publish(reportOf(rows, counted, one.length));
    }
  },
};

/** Rows with other caches, which only one size has, would leave gaps among the bars of the other sizes. */
const hasUsualCache = ({ kvCacheType }: InferenceRow) => kvCacheType === undefined;

/** Counted, of a token: one of `tokens` that are read at once, in a context of the case's length. */
function joules({ config, length, kvCacheType }: InferenceCase, tokens: number): number {
  return joulesOfToken(config, { tokens, context: length, kvCacheType }, energyTables.at(-1)!);
}

/** All with keys and values in f32, then those that attend with smaller ones, at the largest whole size. */
function casesOf({ quick, families: compared = families, sizes: chosen }: StudyOptions) {
  const length = lengthOf(quick);
  const sizes = sizesOf(quick).filter(({ size }) => chosen?.includes(size) ?? true);
  const caseOf = ({ size, shape }: SizeCase, family: Family, kvCacheType?: KvCacheType) => {
    const { name, label, config, contextProducts } = family;
    const one: InferenceCase = {
      ...{ config: config(shape), length, remembersAll: contextProducts > 0 },
      ...(kvCacheType ? { kvCacheType } : {}),
    };
    return {
      size,
      family: name,
      label: kvCacheType ? `${label}, ${kvCacheType} cache,` : label,
      one,
    };
  };
  const largest = sizes.findLast(({ shape }) => shape.layers > 1);
  const attending = compared.filter(({ contextProducts }) => contextProducts > 0);
  return [
    ...sizes.flatMap((size) => compared.map((family) => caseOf(size, family))),
    ...attending.flatMap((family) =>
      largest ? (['f16', 'int8'] as const).map((type) => caseOf(largest, family, type)) : [],
    ),
  ];
}

function sizesOf(quick: boolean): readonly SizeCase[] {
  return quick ? quickCases : paperCases;
}

function lengthOf(quick: boolean): number {
  return quick ? 256 : 2048;
}

/** The Transformer with weights, keys and values in fewer bits, at every whole size. */
function countedOf({ quick }: StudyOptions): CountedRow[] {
  const length = lengthOf(quick);
  return sizesOf(quick)
    .filter(({ shape }) => shape.layers > 1)
    .flatMap(({ size, shape }) => {
      const own = planInference({ config: matmulFree.config(shape), length });
      return countReduced(size, { config: transformer.config(shape), length }, own);
    });
}

function reportOf(rows: readonly InferenceRow[], counted: readonly CountedRow[], length: number): Report {
  const bars = (parts: (row: InferenceRow) => Record<string, number> | undefined) =>
    rows.filter(hasUsualCache).flatMap((row) => {
      const found = parts(row);
      return found ? [{ size: row.size, label: row.label, parts: found }] : [];
    });
  const timed = rows.some(({ measured }) => measured.forward !== undefined);
  return {
    title: 'Memory and latency of inference',
    text: [
      `Batch 1, random weights. "Forward" is one pass over ${length.toLocaleString('en')} tokens that gives the ` +
        'logits after the last; "decode" is one token more, as a caller sees it, with the state read and written. ' +
        `${describeEnergy(rows)} ` +
        'Planned bytes are exact: ternary weights packed at two bits each, float matrices in 16 bits, the state or the ' +
        'keys and values that remember the text, and the temporaries of the pass. Measured bytes are what the engine had in use. Times ' +
        'are medians of five passes and of 32 tokens.',
      "The paper's Transformer++ of 13B seems to have its weights in 32 bits; 16 are the fairer comparison. On tensor " +
        'cores, where the engine has them, ternary products are int8, dense ones f16, and attention is f16 or bf16.',
      'Keys and values have 32 bits unless a row says otherwise. The table "Counted" has a Transformer as it is mostly run, ' +
        `with fewer bits, by these formulas (${describeFormats()}); embedding, head and norms are left as they are. ` +
        'Only bf16 is run here.',
    ],
    tables: [
      measuredTable(rows),
      ...energyTable(rows, length),
      plannedTable(rows),
      countedTable(counted),
      paperTable,
    ],
    figures: [
      {
        name: 'memory',
        caption: `Memory, planned: weights, temporaries of ${length.toLocaleString('en')} tokens, state.`,
        svg: barFigure({
          title: `Memory of a forward pass over ${length.toLocaleString('en')} tokens`,
          axis: 'gigabytes',
          colors: { weights: '#2166ac', temporaries: '#a6c8e4', state: '#d95f02' },
          bars: bars(({ planned: { weights, temporaries, state } }) => ({
            weights: weights / 1e9,
            temporaries: temporaries / 1e9,
            state: state / 1e9,
          })),
          format: (gigabytes) => formatBytes(gigabytes * 1e9),
        }),
      },
      ...(timed ? latencyFigures(bars, length) : []),
    ],
    data: { length, rows, counted },
  };
}

type Bars = (
  parts: (row: InferenceRow) => Record<string, number> | undefined,
) => Parameters<typeof barFigure>[0]['bars'];

function latencyFigures(bars: Bars, length: number) {
  const figure = (name: 'forward' | 'decode', title: string) => ({
    name,
    caption: `${title}: median milliseconds.`,
    svg: barFigure({
      title,
      axis: 'milliseconds',
      colors: { [name]: '#2166ac' },
      bars: bars(({ measured }) => (measured[name] === undefined ? undefined : { [name]: measured[name] })),
      format: (value) => `${value.toPrecision(3)} ms`,
    }),
  });
  return [
    figure('forward', `Time of a forward pass over ${length.toLocaleString('en')} tokens`),
    figure('decode', 'Time of one token more'),
  ];
}

function measuredTable(rows: readonly InferenceRow[]): Table {
  const milliseconds = (value: number | undefined) => (value === undefined ? '' : value.toFixed(2));
  return {
    title: 'Measured',
    columns: ['model', 'memory', 'forward, ms', 'decode, ms a token'],
    rows: rows.map(({ size, label, measured: { failure, usedBytes, forward, decode } }) => [
      `${label} ${size}`,
      failure ?? (usedBytes === undefined ? '' : formatBytes(usedBytes)),
      milliseconds(forward),
      milliseconds(decode),
    ]),
  };
}

function plannedTable(rows: readonly InferenceRow[]): Table {
  return {
    title: 'Planned',
    columns: ['model', 'weights', 'state', 'temporaries', 'together'],
    rows: rows.map(({ size, label, planned: { weights, state, temporaries } }) => [
      `${label} ${size}`,
      ...[weights, state, temporaries, weights + state + temporaries].map(formatBytes),
    ]),
  };
}

const paperTable: Table = {
  title: 'The paper, on its hardware',
  columns: ['model', 'memory', 'forward, ms'],
  rows: [
    ['MatMul-free 13B', '4.19 GB', '695.48'],
    ['Transformer++ 13B', '48.50 GB', '3183.10'],
    ['MatMul-free, one layer', '0.12 GB', '3.79'],
    ['Transformer++, one layer', '0.21 GB', '13.87'],
  ],
};
