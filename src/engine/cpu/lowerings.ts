/** What the CPU engine runs for each op: one file of each op's folder. */

import type { CpuLowering } from '../../kernels/cpu/lowering.ts';
import { adamwOnCpu } from '../../ops/adamw/cpu.ts';
import { addOnCpu } from '../../ops/add/cpu.ts';
import { appendToPagesOnCpu } from '../../ops/appendToPages/cpu.ts';
import { attentionOnCpu } from '../../ops/attention/cpu.ts';
import { bitLinearOnCpu } from '../../ops/bitLinear/cpu.ts';
import { crossEntropyOnCpu } from '../../ops/crossEntropy/cpu.ts';
import { embeddingOnCpu } from '../../ops/embedding/cpu.ts';
import { fakeQuantiseOnCpu } from '../../ops/fakeQuantise/cpu.ts';
import { fillOnCpu } from '../../ops/fill/cpu.ts';
import { gatedNormOnCpu } from '../../ops/gatedNorm/cpu.ts';
import { gatedUnitOnCpu } from '../../ops/gatedUnit/cpu.ts';
import { groupedEmbeddingOnCpu } from '../../ops/groupedEmbedding/cpu.ts';
import { groupedLinearOnCpu } from '../../ops/groupedLinear/cpu.ts';
import { lastTokenOnCpu } from '../../ops/lastToken/cpu.ts';
import { linearOnCpu } from '../../ops/linear/cpu.ts';
import { lowerBoundsOnCpu } from '../../ops/lowerBounds/cpu.ts';
import { mlgruOnCpu } from '../../ops/mlgru/cpu.ts';
import { pagedAttentionOnCpu } from '../../ops/pagedAttention/cpu.ts';
import { rmsNormOnCpu } from '../../ops/rmsNorm/cpu.ts';
import { rotaryOnCpu } from '../../ops/rotary/cpu.ts';
import { sampleOnCpu } from '../../ops/sample/cpu.ts';
import { sigmoidGateOnCpu } from '../../ops/sigmoidGate/cpu.ts';
import { sliceOnCpu } from '../../ops/slice/cpu.ts';
import { swigluOnCpu } from '../../ops/swiglu/cpu.ts';
import { ternaryLinearOnCpu } from '../../ops/ternaryLinear/cpu.ts';
import { tokenScoresOnCpu } from '../../ops/tokenScores/cpu.ts';
import { tokenShiftOnCpu } from '../../ops/tokenShift/cpu.ts';
import { wkvOnCpu } from '../../ops/wkv/cpu.ts';
import { type Lowerings, lowerings } from '../lowerings.ts';

export const cpuLowerings: Lowerings<CpuLowering> = lowerings([
  ...adamwOnCpu,
  ...addOnCpu,
  ...appendToPagesOnCpu,
  ...attentionOnCpu,
  ...bitLinearOnCpu,
  ...crossEntropyOnCpu,
  ...embeddingOnCpu,
  ...fakeQuantiseOnCpu,
  ...fillOnCpu,
  ...gatedNormOnCpu,
  ...gatedUnitOnCpu,
  ...groupedEmbeddingOnCpu,
  ...groupedLinearOnCpu,
  ...lastTokenOnCpu,
  ...linearOnCpu,
  ...lowerBoundsOnCpu,
  ...mlgruOnCpu,
  ...pagedAttentionOnCpu,
  ...rmsNormOnCpu,
  ...rotaryOnCpu,
  ...sampleOnCpu,
  ...sigmoidGateOnCpu,
  ...sliceOnCpu,
  ...swigluOnCpu,
  ...ternaryLinearOnCpu,
  ...tokenScoresOnCpu,
  ...tokenShiftOnCpu,
  ...wkvOnCpu,
]);
