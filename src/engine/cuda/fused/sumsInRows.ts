/**
 * The sum of a residual and a product, where the rows of that sum are quantised next: one kernel scales the product's
 * integers, adds them, stores the sum and quantises it, without reading it again.
 */
import type { CudaFeatures } from '../../../kernels/cuda/launch.ts';
import { onCuda } from '../../../kernels/cuda/lowering.ts';
import { suitsTensorCores } from '../../../ops/bitLinear/product.cuda.ts';
import { type Call, type CallOf, callOfOp, sumOfCosts } from '../../../program/op.ts';
import type { Program } from '../../../program/record.ts';
import { rowsOf, widthOf } from '../../../program/shapes.ts';
import { callOf, fusedOp } from '../../fused/fusedOp.ts';
import { quantiseRowsOp, ternaryProductOp } from '../../fused/rowOps.ts';
import type { QuantiseRows } from '../../fused/rows.ts';
import { withoutCalls } from '../../fused/uses.ts';
import { integerSumsOp, type Sums, sumsOf } from './integerSums.ts';
import { quantiseRows, type RowSum } from './quantiseRows.cuda.ts';

interface SummedRows {
  readonly rows: QuantiseRows;
  readonly units: Sums;
  readonly sum: RowSum;
  readonly replaced: readonly Call[];
}

const summedRowsOp = fusedOp<SummedRows>(
  'summedRows',
  ({ attributes: { replaced } }) => sumOfCosts(replaced.map((call) => call.op.cost(call))),
  { y: 'to' },
);

/** The same program, in which such sums are made by the kernels that quantise them. */
export function sumInRows(program: Program, features: CudaFeatures): Program {
  const rewritten = withoutCalls(program);
  const lines: number[] = [];
  for (const [line, call] of program.calls.entries()) {
    lines.push(rewritten.calls.length);
    const product = callOfOp(program.calls[line - 1], ternaryProductOp);
    const rows = callOfOp(call, quantiseRowsOp);
    if (product && rows && isSum(product, rows, features) && !program.marks.includes(line))
      rewritten.calls.push(...inOne(rewritten.calls.pop()!, product, rows));
    else rewritten.calls.push(call);
  }
  rewritten.marks.push(...program.marks.map((mark) => lines[mark] ?? rewritten.calls.length));
  return rewritten;
}

type Product = CallOf<typeof ternaryProductOp>;
type Rows = CallOf<typeof quantiseRowsOp>;

function isSum({ inputs, outputs: { y } }: Product, { attributes }: Rows, features: CudaFeatures): boolean {
  const { source } = attributes;
  return (
    inputs.to !== undefined &&
    source.kind === 'rmsNorm' &&
    source.x === y &&
    suitsTensorCores(rowsOf(y), widthOf(y), widthOf(inputs.q), features)
  );
}

function inOne(replaced: Call, product: Product, quantise: Rows): Call[] {
  const { q, codes, to } = product.inputs;
  const { y } = product.outputs;
  const units = sumsOf(product);
  const source = { ...quantise.attributes.source, x: units.sums };
  const { x: _, ...norms } = quantise.inputs;
  return [
    callOf(integerSumsOp, { q, codes }, { sums: units.sums }, product.attributes),
    callOf(
      summedRowsOp,
      { ...norms, x: units.sums, to, xStep: units.step, xScale: units.scale },
      { ...quantise.outputs, y },
      {
        ...{ rows: { ...quantise.attributes, source }, units, sum: { to: to!, y } },
        replaced: [replaced, quantise as unknown as Call],
      },
    ),
  ];
}

export const sumsInRowsOnCuda = [
  onCuda(summedRowsOp, ({ attributes: { rows, units, sum } }, features) => [
    quantiseRows(rows, features, units, sum),
  ]),
];
