/** Which calls take operands as bf16, because they multiply them on tensor cores, and which calls can store theirs so. */
import type { CudaFeatures } from '../../../kernels/cuda/launch.ts';
import { operandType } from '../../../kernels/cuda/operands.cuda.ts';
import { attentionBackwardOp, attentionOp, attentionSizes } from '../../../ops/attention/attention.ts';
import { suits as suitsTensorCores } from '../../../ops/attention/halfTiles.cuda.ts';
import { bitLinearBackwardOp } from '../../../ops/bitLinear/bitLinear.ts';
import { crossEntropyBackwardOp } from '../../../ops/crossEntropy/crossEntropy.ts';
import { gatedUnitBackwardOp, gatedUnitOp } from '../../../ops/gatedUnit/gatedUnit.ts';
import { takesHalves } from '../../../ops/linear/cuda.ts';
import { linearBackwardOp, linearOp } from '../../../ops/linear/linear.ts';
import { mlgruBackwardOp } from '../../../ops/mlgru/mlgru.ts';
import { rmsNormOp } from '../../../ops/rmsNorm/rmsNorm.ts';
import { rotaryOp } from '../../../ops/rotary/rotary.ts';
import type { Call, Op, Operands } from '../../../program/op.ts';
import { rowsOf, widthOf } from '../../../program/shapes.ts';
import type { Tensor } from '../../../program/tensor.ts';
import { bitLinearGradientsOp, gradientOfRowsOps } from '../../fused/rowOps.ts';
import { scaledLossBackwardOp } from './integerLogits.ts';
import { scaledGradientOps, scaledMlgruBackwardOp } from './integerSums.ts';

type Row = readonly [Op, readonly string[], (call: Call, features: CudaFeatures) => boolean];

/** Operands by their names, for calls for which the condition holds. */
function row<In extends Operands, Out extends Operands, A>(
  op: Op<In, Out, A>,
  names: readonly string[],
  suits: (call: Call<In, Out, A>, features: CudaFeatures) => boolean = () => true,
): Row {
  return [op as Op, names, suits as unknown as Row[2]];
}

function table(rows: readonly Row[]): (call: Call, features: CudaFeatures) => readonly string[] {
  const byOp = new Map(rows.map(([op, names, suits]) => [op, { names, suits }]));
  return (call, features) => {
    const found = byOp.get(call.op);
    return found?.suits(call, features) ? found.names : [];
  };
}

const isOnTensorCores = (
  { inputs: { q, k }, attributes }: Call<Readonly<Record<'q' | 'k', Tensor>>, Operands, { headSize: number }>,
  features: CudaFeatures,
) => suitsTensorCores(attentionSizes(q, k, attributes.headSize), features);

const hasHalfProduct = (
  { inputs: { dOut, codes } }: Call<Readonly<Record<'dOut' | 'codes', Tensor>>>,
  features: CudaFeatures,
) => operandType(rowsOf(dOut), widthOf(dOut), widthOf(codes), features) === 'bf16';

/** Names of the inputs that a call takes as bf16. */
export const takenAsHalves = table([
  row(bitLinearGradientsOp, ['dOut'], hasHalfProduct),
  row(bitLinearBackwardOp, ['dOut'], hasHalfProduct),
  row(linearOp, ['x'], takesHalves),
  row(linearBackwardOp, ['x', 'dy'], takesHalves),
  row(attentionOp, ['q', 'k', 'v'], isOnTensorCores),
  row(attentionBackwardOp, ['q', 'k', 'v', 'y', 'dy'], isOnTensorCores),
]);

/** Names of the outputs that a call can store as bf16. */
export const storableAsHalves = table([
  row(gradientOfRowsOps.gatedNorm, ['dx']),
  row(gradientOfRowsOps.swiglu, ['dx']),
  row(scaledGradientOps.gatedNorm, ['dx']),
  row(scaledGradientOps.swiglu, ['dx']),
  row(mlgruBackwardOp, ['di', 'df']),
  row(scaledMlgruBackwardOp, ['di', 'df']),
  row(crossEntropyBackwardOp, ['dLogits']),
  row(scaledLossBackwardOp, ['dLogits']),
  row(bitLinearGradientsOp, ['dy']),
  row(rmsNormOp, ['y']),
  row(rotaryOp, ['y']),
  row(gatedUnitOp, ['y']),
  row(gatedUnitBackwardOp, ['dg', 'du']),
  row(linearOp, ['y'], takesHalves),
  // A product adds to what it stores in the same type.
  row(linearBackwardOp, ['dx'], (call, features) => !call.inputs.dxBefore && takesHalves(call, features)),
  row(attentionOp, ['y'], isOnTensorCores),
  row(attentionBackwardOp, ['dq', 'dk', 'dv'], isOnTensorCores),
]);
