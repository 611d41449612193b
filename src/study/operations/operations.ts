/** The cost of a token: operations, bytes, energy by published figures, carbon. Counted from programs, not measured. */
import { formatBytes, formatCount } from '../../format.ts';
import { barFigure } from '../barFigure.ts';
import {
  allFamilies,
  matmulFree,
  paperShapes,
  paperSizes,
  paperVocabulary,
  type Shape,
  transformer,
} from '../families.ts';
import type { Report, Study, Table } from '../study.ts';
import { describeFormats, weightFormats } from '../weightFormats.ts';
import { countWork } from './countWork.ts';
import { carbonIntensity, carbonOf, energyOf, energyTables, type Work } from './energy.ts';

/** Tokens that a token attends to, in models that attend. */
const context = 2048;

/** Tokens that share one reading of the weights. */
const modes = [
  { name: 'decode', label: 'generating, one sequence', tokens: 1 },
  { name: 'prompt', label: 'reading 2,048 tokens', tokens: 2048 },
] as const;

/** The work of one token. */
export interface OperationsRow {
  readonly size: string;
  readonly family: string;
  readonly label: string;
  readonly mode: (typeof modes)[number]['name'];
  readonly work: Work;
}

export const operations: Study = {
  name: 'operations',
  trains: false,
  families: allFamilies,
  async carryOut({ run, publish, options }) {
    const sizes = options.quick ? paperSizes.slice(0, 2) : paperSizes;
    const rows: OperationsRow[] = [];
    for (const size of sizes) {
      const shape = { ...paperShapes[size], vocabSize: paperVocabulary };
      for (const family of options.families ?? allFamilies) {
        const config = family.config(shape);
        const { name, label } = family;
        for (const { name: mode, tokens } of modes) {
          const work = await run(`${name}-${size}-${mode}`, { config, tokens }, async () =>
            countWork(config, { tokens, context }),
          );
          rows.push({ size, family: name, label, mode, work });
        }
      }
      if (options.families?.includes(transformer) ?? true) rows.push(...reducedRows(size, shape));
      await publish(reportOf(rows));
    }
  },
};

/** The Transformer as it is mostly run: weights in fewer bits, keys and values in f16. Not kept as runs: it takes no time. */
function reducedRows(size: string, shape: Shape): OperationsRow[] {
  const config = transformer.config(shape);
  return weightFormats.flatMap((format) =>
    modes.map(({ name: mode, tokens }) => ({
      ...{ size, family: `transformer-${format.label.replace(' ', '-')}`, mode },
      label: `${transformer.label} in ${format.label}`,
      work: countWork(config, { tokens, context, kvCacheType: 'f16', format }),
    })),
  );
}

function reportOf(rows: readonly OperationsRow[]): Report {
  return {
    title: 'What a token takes',
    text: [
      'Counted from the recorded programs by the costs that each op declares; nothing here is measured. Bytes are ' +
        'those of every tensor that an op reads or writes, once for each op: what a machine would move that keeps ' +
        'nothing in caches but the operands of the op at hand. Ternary products add 8-bit activations into 32-bit ' +
        'sums; products of floats multiply 16-bit numbers and add in 32 bits.',
      'Models that attend do so to 2,048 tokens, these included. Their float matrices and keys and values count as the ' +
        'bytes that this project keeps them in, matrices in 16 bits, keys and values in 32. "Transformer++ in …" has keys ' +
        `and values of 16 bits and matrices as they are mostly run, by these formulas: ${describeFormats()}; embedding and ` +
        'head stay in 16 bits, attention multiplies bf16, and a conversion of weights costs nothing.',
      `Energy: ${energyTables.map(({ node, source, memory }) => `${node}: ${source}; memory: ${memory}, the lower end`).join('. ')}. ` +
        `Carbon: ${carbonIntensity.gramsPerKilowattHour} g of CO₂ a kilowatt-hour (${carbonIntensity.source}). ` +
        'This is the energy of arithmetic and memory alone: no instruction, no idle circuit, no cooling. Of the 7 nm figures ' +
        'only the 32-bit multiplication could be checked against a second source.',
    ],
    tables: [
      ...modes.map(({ name, label }) => countTable(label, ofMode(rows, name))),
      ...modes.map(({ name, label }) => energyTable(label, ofMode(rows, name))),
      ...timesTable(rows),
    ],
    figures: modes.map(({ name, label }) => ({
      name: `energy-${name}`,
      caption: `Energy of a million tokens at 7 nm, ${label}: arithmetic and memory.`,
      svg: energyFigure(label, ofMode(rows, name)),
    })),
    data: { energyTables, carbonIntensity, rows, times: timesOf(rows) },
  };
}

function energyFigure(label: string, rows: readonly OperationsRow[]): string {
  return barFigure({
    title: `Energy of a million tokens, ${label} (7 nm)`,
    axis: 'joules',
    colors: { arithmetic: '#d95f02', memory: '#a6c8e4' },
    bars: rows.map(({ size, label: family, work }) => {
      const { arithmetic, memory } = energyOf(work, energyTables[1]!);
      return { size, label: family, parts: { arithmetic: 1e6 * arithmetic, memory: 1e6 * memory } };
    }),
    format: (joules) => `${(joules / 1000).toPrecision(3)} kJ`,
  });
}

function ofMode(rows: readonly OperationsRow[], mode: OperationsRow['mode']): OperationsRow[] {
  return rows.filter((row) => row.mode === mode);
}

function countTable(label: string, rows: readonly OperationsRow[]): Table {
  return {
    title: `Operations of a token, ${label}`,
    columns: ['model', 'integer + −', 'float + −', '× in products', 'other ×', '÷ √ exp', 'bytes'],
    rows: rows.map(({ size, label: family, work }) => [
      `${family} ${size}`,
      formatCount(Math.round(work.integerAdditions)),
      formatCount(Math.round(work.floatAdditions)),
      formatCount(Math.round(productsOf(work))),
      formatCount(Math.round(work.floatMultiplications)),
      formatCount(Math.round(work.special)),
      formatBytes(Math.round(work.bytes)),
    ]),
  };
}

function productsOf(work: Work): number {
  return work.productMultiplications + (work.bf16Multiplications ?? 0) + (work.int8Multiplications ?? 0);
}

function energyTable(label: string, rows: readonly OperationsRow[]): Table {
  const columns = energyTables.flatMap(({ node }) => [
    `arithmetic J, ${node}`,
    `memory J, ${node}`,
    `g CO₂, ${node}`,
  ]);
  return {
    title: `A million tokens, ${label}`,
    columns: ['model', ...columns],
    rows: rows.map(({ size, label: family, work }) => [
      `${family} ${size}`,
      ...energyTables.flatMap((table) => {
        const { arithmetic, memory } = energyOf(work, table);
        const [million, digits] = [1e6, 3];
        return [arithmetic * million, memory * million, carbonOf((arithmetic + memory) * million)].map(
          (value) => value.toPrecision(digits),
        );
      }),
    ]),
  };
}

interface Times extends Pick<OperationsRow, 'size' | 'family' | 'label' | 'mode'> {
  readonly node: string;
  /** Energy over that of the MatMul-free model of the same size: of arithmetic, and with memory. */
  readonly arithmetic: number;
  readonly all: number;
}

function timesOf(rows: readonly OperationsRow[]): Times[] {
  return rows.flatMap(({ size, family, label, mode, work }) => {
    const own = rows.find((row) => row.size === size && row.mode === mode && row.family === matmulFree.name);
    if (!own || family === matmulFree.name) return [];
    return energyTables.map((table) => {
      const [energy, beside] = [energyOf(work, table), energyOf(own.work, table)];
      const arithmetic = energy.arithmetic / beside.arithmetic;
      const all = (energy.arithmetic + energy.memory) / (beside.arithmetic + beside.memory);
      return { size, family, label, mode, node: table.node, arithmetic, all };
    });
  });
}

/** Absent without the MatMul-free model. */
function timesTable(rows: readonly OperationsRow[]): Table[] {
  const times = timesOf(rows);
  if (times.length === 0) return [];
  const columns = modes.flatMap(({ name, label }) =>
    energyTables.map(({ node }) => ({ name, node, title: `${label}, ${node}` })),
  );
  const models = [...Map.groupBy(times, ({ size, label }) => `${label} ${size}`)];
  return [
    {
      title: 'Energy of arithmetic and memory, times MatMul-free',
      columns: ['model', ...columns.map(({ title }) => title)],
      rows: models.map(([model, own]) => [
        model,
        ...columns.map(({ name, node }) =>
          own.find((one) => one.mode === name && one.node === node)!.all.toFixed(2),
        ),
      ]),
    },
  ];
}
