/** Fusing for WebGPU: the program is rewritten as for every GPU; the fused calls have shaders of their own here. */
import type { GpuFeatures } from '../../../kernels/webgpu/dispatch.ts';
import { onWebGpu } from '../../../kernels/webgpu/lowering.ts';
import { bitLinearGradients } from '../../../ops/bitLinear/backward.wgsl.ts';
import { ternaryProduct } from '../../../ops/bitLinear/product.wgsl.ts';
import type { Program } from '../../../program/record.ts';
import { attendHeadsOp, fuseAttention } from '../../fused/decodedAttention.ts';
import { fusedProjectionsOp, fuse as fuseForGpu } from '../../fused/fuse.ts';
import { groupedProjectionsOp, headsToPagesOp } from '../../fused/groupedProjections.ts';
import {
  bitLinearGradientsOp,
  gradientOfRowsOps,
  quantiseRowsOp,
  ternaryProductOp,
} from '../../fused/rowOps.ts';
import { attendHeads, suitsAttention } from './attendHeads.wgsl.ts';
import { gradientOfRows, partsOf, suitsGradient } from './gradientOfRows.wgsl.ts';
import { groupedProjections, suitsGrouped } from './groupedProjections.wgsl.ts';
import { headsToPages } from './headsToPages.wgsl.ts';
import { fusedProjections, suitsFusing } from './projections.wgsl.ts';
import { quantiseRows, suitsQuantising } from './quantiseRows.wgsl.ts';

/** The same program with calls fused as this device allows. */
export function fuse(program: Program, features: GpuFeatures): Program {
  const fused = fuseForGpu(program, {
    suitsProjections: (t) => suitsFusing(t, features),
    suitsGrouped: (t, heads) => suitsGrouped(t, heads, features),
    suitsQuantising: (t) => suitsQuantising(t, features),
    suitsGradient: (t) => suitsGradient(t, features),
    partsOf,
  });
  return fuseAttention(fused, { suitsAttention: (t, after) => suitsAttention(t, after, features) });
}

export const fusedOnWebGpu = [
  onWebGpu(fusedProjectionsOp, ({ attributes }, features) => [
    fusedProjections(attributes.projections, features),
  ]),
  onWebGpu(groupedProjectionsOp, ({ attributes: { kernel } }, features) => [
    groupedProjections(kernel, features),
  ]),
  onWebGpu(headsToPagesOp, ({ attributes: { kernel } }) => [headsToPages(kernel)]),
  onWebGpu(attendHeadsOp, ({ attributes: { kernel } }) => [attendHeads(kernel)]),
  onWebGpu(quantiseRowsOp, ({ attributes }) => [quantiseRows(attributes)]),
  onWebGpu(ternaryProductOp, ({ inputs, outputs, attributes }, features) => [
    ternaryProduct({ ...inputs, ...outputs, ...attributes }, features),
  ]),
  onWebGpu(bitLinearGradientsOp, ({ inputs, outputs, attributes }, features) =>
    bitLinearGradients({ ...inputs, ...outputs, ...attributes }, features),
  ),
  ...Object.values(gradientOfRowsOps).map((op) =>
    onWebGpu(op, ({ attributes }) => gradientOfRows(attributes)),
  ),
];
