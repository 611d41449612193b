/** The cost of a token: operations, bytes, energy by published figures, carbon. Counted from programs, not measured. */
import { formatBytes, formatCount } from '../../format.ts';
import { architectureOf } from '../../model/architecture.ts';
import type { ModelConfig } from '../../model/config.ts';
import { Weights } from '../../model/weights.ts';
import { recordTypicalStep } from '../../run/steps.ts';
import { barFigure } from '../barFigure.ts';
import { allFamilies, paperShapes, paperSizes, paperVocabulary } from '../families.ts';
import type { Report, Study, Table } from '../study.ts';
import { carbonIntensity, carbonOf, energyOf, energyTables, type Work } from './energy.ts';
import { perToken, workOf } from './work.ts';

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
  about: 'additions, multiplications, bytes, energy and carbon of a token, counted from the programs',
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
            countWork(config, tokens),
          );
          rows.push({ size, family: name, label, mode, work });
        }
      }
      await publish(reportOf(rows));
    }
  },
};

function countWork(config: ModelConfig, tokens: number): Work {
  const architecture = architectureOf(config);
  const specs = architecture.parameters();
  const halves = specs
    .filter(({ role }) => role === 'embedding' || role === 'matrix')
    .map(({ name }) => [name, 'f16'] as const);
  const weights = new Weights(specs, 'inference', new Map(halves));
  const program = recordTypicalStep({ architecture, weights }, tokens, 'last', context);
  return perToken(workOf(program), tokens);
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
        'bytes that this project keeps them in, matrices in 16 bits.',
      `Energy: ${energyTables.map(({ node, source, memory }) => `${node}: ${source}; memory: ${memory}, the lower end`).join('. ')}. ` +
        `Carbon: ${carbonIntensity.gramsPerKilowattHour} g of CO₂ a kilowatt-hour (${carbonIntensity.source}). ` +
        'This is the energy of arithmetic and memory alone: no instruction, no idle circuit, no cooling. Of the 7 nm figures ' +
        'only the 32-bit multiplication could be checked against a second source.',
    ],
    tables: [
      ...modes.map(({ name, label }) => countTable(label, ofMode(rows, name))),
      ...modes.map(({ name, label }) => energyTable(label, ofMode(rows, name))),
    ],
    figures: modes.map(({ name, label }) => ({
      name: `energy-${name}`,
      caption: `Energy of a million tokens at 7 nm, ${label}: arithmetic and memory.`,
      svg: energyFigure(label, ofMode(rows, name)),
    })),
    data: { energyTables, carbonIntensity, rows },
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
      formatCount(Math.round(work.productMultiplications)),
      formatCount(Math.round(work.floatMultiplications)),
      formatCount(Math.round(work.special)),
      formatBytes(Math.round(work.bytes)),
    ]),
  };
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
