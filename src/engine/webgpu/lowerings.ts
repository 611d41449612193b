/** What the WebGPU engine runs for each op: one file of each op's folder. */

import type { WebGpuLowering } from '../../kernels/webgpu/lowering.ts';
import { adamwOnWebGpu } from '../../ops/adamw/webgpu.ts';
import { addOnWebGpu } from '../../ops/add/webgpu.ts';
import { appendToPagesOnWebGpu } from '../../ops/appendToPages/webgpu.ts';
import { attentionOnWebGpu } from '../../ops/attention/webgpu.ts';
import { bitLinearOnWebGpu } from '../../ops/bitLinear/webgpu.ts';
import { crossEntropyOnWebGpu } from '../../ops/crossEntropy/webgpu.ts';
import { embeddingOnWebGpu } from '../../ops/embedding/webgpu.ts';
import { fakeQuantiseOnWebGpu } from '../../ops/fakeQuantise/webgpu.ts';
import { fillOnWebGpu } from '../../ops/fill/webgpu.ts';
import { gatedNormOnWebGpu } from '../../ops/gatedNorm/webgpu.ts';
import { gatedUnitOnWebGpu } from '../../ops/gatedUnit/webgpu.ts';
import { groupedEmbeddingOnWebGpu } from '../../ops/groupedEmbedding/webgpu.ts';
import { groupedLinearOnWebGpu } from '../../ops/groupedLinear/webgpu.ts';
import { lastTokenOnWebGpu } from '../../ops/lastToken/webgpu.ts';
import { linearOnWebGpu } from '../../ops/linear/webgpu.ts';
import { lowerBoundsOnWebGpu } from '../../ops/lowerBounds/webgpu.ts';
import { mlgruOnWebGpu } from '../../ops/mlgru/webgpu.ts';
import { pagedAttentionOnWebGpu } from '../../ops/pagedAttention/webgpu.ts';
import { rmsNormOnWebGpu } from '../../ops/rmsNorm/webgpu.ts';
import { rotaryOnWebGpu } from '../../ops/rotary/webgpu.ts';
import { sampleOnWebGpu } from '../../ops/sample/webgpu.ts';
import { sigmoidGateOnWebGpu } from '../../ops/sigmoidGate/webgpu.ts';
import { sliceOnWebGpu } from '../../ops/slice/webgpu.ts';
import { swigluOnWebGpu } from '../../ops/swiglu/webgpu.ts';
import { ternaryLinearOnWebGpu } from '../../ops/ternaryLinear/webgpu.ts';
import { tokenScoresOnWebGpu } from '../../ops/tokenScores/webgpu.ts';
import { tokenShiftOnWebGpu } from '../../ops/tokenShift/webgpu.ts';
import { wkvOnWebGpu } from '../../ops/wkv/webgpu.ts';
import { type Lowerings, lowerings } from '../lowerings.ts';
import { fusedOnWebGpu } from './fused/fuse.ts';

export const webgpuLowerings: Lowerings<WebGpuLowering> = lowerings([
  ...adamwOnWebGpu,
  ...addOnWebGpu,
  ...appendToPagesOnWebGpu,
  ...attentionOnWebGpu,
  ...bitLinearOnWebGpu,
  ...crossEntropyOnWebGpu,
  ...embeddingOnWebGpu,
  ...fakeQuantiseOnWebGpu,
  ...fillOnWebGpu,
  ...gatedNormOnWebGpu,
  ...gatedUnitOnWebGpu,
  ...groupedEmbeddingOnWebGpu,
  ...groupedLinearOnWebGpu,
  ...lastTokenOnWebGpu,
  ...linearOnWebGpu,
  ...lowerBoundsOnWebGpu,
  ...mlgruOnWebGpu,
  ...pagedAttentionOnWebGpu,
  ...rmsNormOnWebGpu,
  ...rotaryOnWebGpu,
  ...sampleOnWebGpu,
  ...sigmoidGateOnWebGpu,
  ...sliceOnWebGpu,
  ...swigluOnWebGpu,
  ...ternaryLinearOnWebGpu,
  ...tokenScoresOnWebGpu,
  ...tokenShiftOnWebGpu,
  ...wkvOnWebGpu,
  ...fusedOnWebGpu,
]);
