/** Fusing for CUDA: the program is rewritten as for other GPUs; the fused calls have kernels of their own here. */
import type { CudaFeatures } from '../../../kernels/cuda/launch.ts';
import { onCuda } from '../../../kernels/cuda/lowering.ts';
import { bitLinearGradients } from '../../../ops/bitLinear/backward.cuda.ts';
import { ternaryProduct } from '../../../ops/bitLinear/product.cuda.ts';
import type { Program } from '../../../program/record.ts';
import { fusedProjectionsOp, fuse as fuseForGpu } from '../../webgpu/fused/fuse.ts';
import {
  bitLinearGradientsOp,
  gradientOfRowsOps,
  quantiseRowsOp,
  ternaryProductOp,
} from '../../webgpu/fused/rowOps.ts';
import { gradientOfRows } from './gradientOfRows.cuda.ts';
import { integerLogitsOnCuda, keepIntegerLogits } from './integerLogits.ts';
import { integerSumsOnCuda, keepIntegers } from './integerSums.ts';
import { narrowGradients } from './narrowGradients.ts';
import { persist, persistentOnCuda } from './persist.ts';
import { fusedProjections } from './projections.cuda.ts';
import { quantiseRows } from './quantiseRows.cuda.ts';
import { together, togetherOnCuda } from './together.ts';

/** What matters of a device in the choice of calls to fuse: a kernel takes any number of tensors here. */
const device = { int8Matrices: false, halfMatrices: false, subgroupSize: 32, maxBindings: 100 };

export function fuse(program: Program, features: CudaFeatures): Program {
  const passes = [keepIntegers, keepIntegerLogits, narrowGradients, together, persist];
  return passes.reduce((rewritten, pass) => pass(rewritten, features), fuseForGpu(program, device));
}

export const fusedOnCuda = [
  onCuda(fusedProjectionsOp, ({ attributes }, features) => [
    fusedProjections(attributes.projections, features),
  ]),
  onCuda(quantiseRowsOp, ({ attributes }, features) => [quantiseRows(attributes, features)]),
  onCuda(ternaryProductOp, ({ inputs, outputs, attributes }, features) =>
    ternaryProduct({ ...inputs, ...outputs, ...attributes }, features),
  ),
  onCuda(bitLinearGradientsOp, ({ inputs, outputs, attributes }, features) =>
    bitLinearGradients({ ...inputs, ...outputs, ...attributes }, features),
  ),
  ...integerSumsOnCuda,
  ...integerLogitsOnCuda,
  ...togetherOnCuda,
  ...persistentOnCuda,
  ...Object.values(gradientOfRowsOps).map((op) =>
    onCuda(op, ({ attributes }, features) => gradientOfRows(attributes, features)),
  ),
];
