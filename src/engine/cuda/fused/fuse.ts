/** Fusing for CUDA: the program is rewritten as for other GPUs; the fused calls have kernels of their own here. */
import type { CudaFeatures } from '../../../kernels/cuda/launch.ts';
import { onCuda } from '../../../kernels/cuda/lowering.ts';
import { bitLinearGradients } from '../../../ops/bitLinear/backward.cuda.ts';
import { ternaryProduct } from '../../../ops/bitLinear/product.cuda.ts';
import type { Program } from '../../../program/record.ts';
import { widthOf } from '../../../program/shapes.ts';
import { type FusingKernels, fusedProjectionsOp, fuse as fuseForGpu } from '../../fused/fuse.ts';
import { groupedProjectionsOp, headsToPagesOp } from '../../fused/groupedProjections.ts';
import {
  bitLinearGradientsOp,
  gradientOfRowsOps,
  quantiseRowsOp,
  ternaryProductOp,
} from '../../fused/rowOps.ts';
import { type RowSource, sourceWidth } from '../../fused/rowSource.ts';
import { gradientOfRows } from './gradientOfRows.cuda.ts';
import { groupedProjections, suitsGrouped } from './groupedProjections.cuda.ts';
import { headsToPages } from './headsToPages.cuda.ts';
import { integerLogitsOnCuda, keepIntegerLogits } from './integerLogits.ts';
import { integerSumsOnCuda, keepIntegers } from './integerSums.ts';
import { narrowOperands } from './narrowOperands.ts';
import { persist, persistentOnCuda } from './persist.ts';
import { fusedProjections } from './projections.cuda.ts';
import { quantiseRows } from './quantiseRows.cuda.ts';
import { sumInRows, sumsInRowsOnCuda } from './sumsInRows.ts';
import { together, togetherOnCuda } from './together.ts';

/** Vectors of four columns of a row, at most, that the kernels hold in registers. */
const maxVectors = 4096;

const kernels: FusingKernels = {
  suitsProjections: ({ matrices: [first] }) =>
    widthOf(first!.codes) % 16 === 0 && widthOf(first!.codes) / 4 <= maxVectors,
  suitsGrouped: (t) => suitsGrouped(t),
  suitsQuantising: ({ source }) => suitsRows(source),
  suitsGradient: ({ source }) => suitsRows(source),
  partsOf: () => 1, // scales of gradients are not needed: products take bf16
};

function suitsRows(source: RowSource): boolean {
  return sourceWidth(source) % 4 === 0 && sourceWidth(source) / 4 <= maxVectors;
}

export function fuse(program: Program, features: CudaFeatures): Program {
  const passes = [sumInRows, keepIntegers, keepIntegerLogits, narrowOperands, together, persist];
  return passes.reduce((rewritten, pass) => pass(rewritten, features), fuseForGpu(program, kernels));
}

export const fusedOnCuda = [
  onCuda(fusedProjectionsOp, ({ attributes }, features) => [
    fusedProjections(attributes.projections, features),
  ]),
  onCuda(groupedProjectionsOp, ({ attributes: { kernel } }) => [groupedProjections(kernel)]),
  onCuda(headsToPagesOp, ({ attributes: { kernel } }) => [headsToPages(kernel)]),
  onCuda(quantiseRowsOp, ({ attributes }, features) => [quantiseRows(attributes, features)]),
  onCuda(ternaryProductOp, ({ inputs, outputs, attributes }, features) =>
    ternaryProduct({ ...inputs, ...outputs, ...attributes }, features),
  ),
  onCuda(bitLinearGradientsOp, ({ inputs, outputs, attributes }, features) =>
    bitLinearGradients({ ...inputs, ...outputs, ...attributes }, features),
  ),
  ...sumsInRowsOnCuda,
  ...integerSumsOnCuda,
  ...integerLogitsOnCuda,
  ...togetherOnCuda,
  ...persistentOnCuda,
  ...Object.values(gradientOfRowsOps).map((op) =>
    onCuda(op, ({ attributes }, features) => gradientOfRows(attributes, features)),
  ),
];
