/** What the CUDA engine runs for each op: one file of each op's folder. */
import type { CudaLowering } from '../../kernels/cuda/lowering.ts';
import { adamwOnCuda } from '../../ops/adamw/cuda.ts';
import { addOnCuda } from '../../ops/add/cuda.ts';
import { appendToPagesOnCuda } from '../../ops/appendToPages/cuda.ts';
import { attentionOnCuda } from '../../ops/attention/cuda.ts';
import { bitLinearOnCuda } from '../../ops/bitLinear/cuda.ts';
import { crossEntropyOnCuda } from '../../ops/crossEntropy/cuda.ts';
import { embeddingOnCuda } from '../../ops/embedding/cuda.ts';
import { fakeQuantiseOnCuda } from '../../ops/fakeQuantise/cuda.ts';
import { fillOnCuda } from '../../ops/fill/cuda.ts';
import { gatedNormOnCuda } from '../../ops/gatedNorm/cuda.ts';
import { gatedUnitOnCuda } from '../../ops/gatedUnit/cuda.ts';
import { groupedEmbeddingOnCuda } from '../../ops/groupedEmbedding/cuda.ts';
import { groupedLinearOnCuda } from '../../ops/groupedLinear/cuda.ts';
import { lastTokenOnCuda } from '../../ops/lastToken/cuda.ts';
import { linearOnCuda } from '../../ops/linear/cuda.ts';
import { lowerBoundsOnCuda } from '../../ops/lowerBounds/cuda.ts';
import { mlgruOnCuda } from '../../ops/mlgru/cuda.ts';
import { pagedAttentionOnCuda } from '../../ops/pagedAttention/cuda.ts';
import { rmsNormOnCuda } from '../../ops/rmsNorm/cuda.ts';
import { rotaryOnCuda } from '../../ops/rotary/cuda.ts';
import { sampleOnCuda } from '../../ops/sample/cuda.ts';
import { sigmoidGateOnCuda } from '../../ops/sigmoidGate/cuda.ts';
import { sliceOnCuda } from '../../ops/slice/cuda.ts';
import { swigluOnCuda } from '../../ops/swiglu/cuda.ts';
import { ternaryLinearOnCuda } from '../../ops/ternaryLinear/cuda.ts';
import { tokenScoresOnCuda } from '../../ops/tokenScores/cuda.ts';
import { tokenShiftOnCuda } from '../../ops/tokenShift/cuda.ts';
import { wkvOnCuda } from '../../ops/wkv/cuda.ts';
import { type Lowerings, lowerings } from '../lowerings.ts';
import { fusedOnCuda } from './fused/fuse.ts';

export const cudaLowerings: Lowerings<CudaLowering> = lowerings([
  ...adamwOnCuda,
  ...addOnCuda,
  ...appendToPagesOnCuda,
  ...attentionOnCuda,
  ...bitLinearOnCuda,
  ...crossEntropyOnCuda,
  ...embeddingOnCuda,
  ...fakeQuantiseOnCuda,
  ...fillOnCuda,
  ...gatedNormOnCuda,
  ...gatedUnitOnCuda,
  ...groupedEmbeddingOnCuda,
  ...groupedLinearOnCuda,
  ...lastTokenOnCuda,
  ...linearOnCuda,
  ...lowerBoundsOnCuda,
  ...mlgruOnCuda,
  ...pagedAttentionOnCuda,
  ...rmsNormOnCuda,
  ...rotaryOnCuda,
  ...sampleOnCuda,
  ...sigmoidGateOnCuda,
  ...sliceOnCuda,
  ...swigluOnCuda,
  ...ternaryLinearOnCuda,
  ...tokenScoresOnCuda,
  ...tokenShiftOnCuda,
  ...wkvOnCuda,
  ...fusedOnCuda,
]);
