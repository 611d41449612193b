/**
 * The operation audit: the operations that one generated token takes, counted from the recorded program by the costs
 * that its ops declare. It shows that no matrix product of these models multiplies.
 */
import { formatBytes, formatCount, formatTable } from '../format.ts';
import { architectureOf } from '../model/architecture.ts';
import { attends, type ModelConfig } from '../model/config.ts';
import type { Storage } from '../model/parameters.ts';
import { weightsStoredAs } from '../model/weights.ts';
import { type Cost, sumOfCosts } from '../program/op.ts';
import type { Program } from '../program/record.ts';
import type { DType } from '../program/tensor.ts';
import { recordTypicalStep } from './steps.ts';

/** Operations and bytes of one token. */
export interface AuditRow extends Cost {
  readonly op: string;
  readonly calls: number;
}

export interface Audit {
  /** By kind of op, in order of first use. */
  readonly rows: readonly AuditRow[];
  readonly total: AuditRow;
  /**
   * The matrix products of a Transformer++ of the same width, depth and vocabulary, by formula: a multiplication
   * and an addition for each weight, which is read as a 16-bit float. Attention over the context comes on top.
   */
  readonly transformer: AuditRow;
  /** Tokens that each token attends to; absent if the model does not attend. */
  readonly context: number | undefined;
}

/** Context of the counted token for models that attend, unless the context length is shorter. */
const usualContext = 2048;

/** @param stored how parameters are stored, or the element type of the embedding and of dense matrices */
export function auditModel(config: ModelConfig, stored: DType | ReadonlyMap<string, Storage> = 'f16'): Audit {
  const architecture = architectureOf(config);
  const weights = weightsStoredAs(architecture.parameters(), stored);
  const context =
    architecture.memory === 'cache' ? Math.min(usualContext, architecture.contextLength) : undefined;
  const program = recordTypicalStep({ architecture, weights }, 1, 'last', context ?? 0);
  return { ...auditProgram(program), transformer: transformerProducts(config), context };
}

export function auditProgram(program: Program): Pick<Audit, 'rows' | 'total'> {
  const costs = program.calls.map((call) => ({ op: call.op.name, cost: call.op.cost(call) }));
  const row = (op: string, all: typeof costs): AuditRow => {
    return { op, calls: all.length, ...sumOfCosts(all.map(({ cost }) => cost)) };
  };
  const rows = Array.from(
    Map.groupBy(costs, ({ op }) => op),
    ([op, all]) => row(op, all),
  );
  return { rows, total: row('total', costs) };
}

/** Queries, keys, values, output; gate, up, down; the head. */
function transformerProducts(config: ModelConfig): AuditRow {
  const { vocabSize: V, hiddenSize: H, intermediateSize: I, layers: L } = config;
  const [queries, keys] = attends(config)
    ? [config.heads * config.headSize, config.keyHeads * config.headSize]
    : [H, H];
  const matrices = L * (2 * H * queries + 2 * H * keys + 3 * H * I) + V * H;
  return {
    ...sumOfCosts([]),
    op: 'Transformer++, matrix products only',
    calls: 7 * L + 1,
    additions: matrices,
    productMultiplications: matrices,
    bytesRead: 2 * matrices,
  };
}

/** The audit for people, as lines of text. */
/** @param width columns of the terminal; a narrow one gets the operations without the bytes */
export function auditTable(audit: Audit, width = Number.POSITIVE_INFINITY): string[] {
  const all = fullTable(audit, true);
  const isWide = all.some((line) => line.length > width);
  return isWide ? fullTable(audit, false) : all;
}

function fullTable({ rows, total, transformer, context }: Audit, withBytes: boolean): string[] {
  const head = ['per token', 'calls', '+ −', '×', '× in products', '÷ √ exp', 'read', 'written'];
  const cells = (row: AuditRow) => [
    row.op,
    String(row.calls),
    ...[row.additions, row.multiplications, row.productMultiplications, row.special].map(formatCount),
    ...[row.bytesRead, row.bytesWritten].map(formatBytes),
  ];
  const body = [...rows, total].map(cells);
  const blank = (row: string[]) => row.map((cell, column) => ([3, 5, 7].includes(column) ? '' : cell));
  // Beside a Transformer++ itself it would say nothing.
  const isLess = total.productMultiplications < transformer.productMultiplications;
  const compared = isLess ? [blank(cells(transformer))] : [];
  const shown = (cells: readonly string[]) =>
    (withBytes ? cells : [cells[0], ...cells.slice(2, 5)]) as string[];
  const lines = formatTable(shown(head), [...body, ...compared].map(shown));
  const rule = lines[1]!;
  lines.splice(-1 - compared.length, 0, rule);
  const notes = [
    ...(context ? [`Each token attends to ${context} tokens.`] : []),
    ...(isLess ? comparisonNote : []),
  ];
  return notes.length > 0 ? [...lines, '', ...notes] : lines;
}

const comparisonNote = [
  'The last line is by formula, for the same width, depth and vocabulary:',
  'a product and a sum for each weight, read as 16-bit floats; attention',
  'over the context comes on top.',
];
