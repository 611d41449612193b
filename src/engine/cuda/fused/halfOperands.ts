/** Which calls take operands of 16 bits, because they multiply them on tensor cores, and which calls can store theirs so. */
import type { CudaFeatures } from '../../../kernels/cuda/launch.ts';
import { type OperandType, operandType } from '../../../kernels/cuda/operands.cuda.ts';
import { attentionBackwardOp, attentionOp, attentionSizes } from '../../../ops/attention/attention.ts';
import { suits as suitsTensorCores } from '../../../ops/attention/halfTiles.cuda.ts';
import { bitLinearBackwardOp } from '../../../ops/bitLinear/bitLinear.ts';
import { crossEntropyBackwardOp } from '../../../ops/crossEntropy/crossEntropy.ts';
import { gatedUnitBackwardOp, gatedUnitOp } from '../../../ops/gatedUnit/gatedUnit.ts';
import { productType } from '../../../ops/linear/cuda.ts';
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

/** What tensor cores take. */
export type HalfType = Exclude<OperandType, 'f32'>;

type Types = readonly HalfType[];
type Row = readonly [Op, readonly string[], (call: Call, features: CudaFeatures) => Types];

const bf16: Types = ['bf16'];
const both: Types = ['bf16', 'f16'];

/** Operands by their names, and the types that they may have in a call. */
function row<In extends Operands, Out extends Operands, A>(
  op: Op<In, Out, A>,
  names: readonly string[],
  types: (call: Call<In, Out, A>, features: CudaFeatures) => Types = () => bf16,
): Row {
  return [op as Op, names, types as unknown as Row[2]];
}

function table(rows: readonly Row[]) {
  const byOp = new Map(rows.map(([op, names, types]) => [op, { names, types }]));
  return (call: Call, features: CudaFeatures, type: HalfType): readonly string[] => {
    const found = byOp.get(call.op);
    return found?.types(call, features).includes(type) ? found.names : [];
  };
}

const ofAttention = (
  { inputs: { q, k }, attributes }: Call<Readonly<Record<'q' | 'k', Tensor>>, Operands, { headSize: number }>,
  features: CudaFeatures,
) => (suitsTensorCores(attentionSizes(q, k, attributes.headSize), features) ? bf16 : []);

const ofGradient = (
  { inputs: { dOut, codes } }: Call<Readonly<Record<'dOut' | 'codes', Tensor>>>,
  features: CudaFeatures,
) => (operandType(rowsOf(dOut), widthOf(dOut), widthOf(codes), features) === 'bf16' ? bf16 : []);

const ofProduct = (
  { inputs }: Call<Readonly<Record<'x' | 'weight', Tensor>>>,
  features: CudaFeatures,
): Types => both.filter((type) => type === productType(inputs, features));

/** Names of the inputs that a call takes in this type. */
export const takenAsHalves = table([
  row(bitLinearGradientsOp, ['dOut'], ofGradient),
  row(bitLinearBackwardOp, ['dOut'], ofGradient),
  row(linearOp, ['x'], ofProduct),
  row(linearBackwardOp, ['x', 'dy'], ofProduct),
  row(attentionOp, ['q', 'k', 'v'], ofAttention),
  row(attentionBackwardOp, ['q', 'k', 'v', 'y', 'dy'], ofAttention),
]);

/** Names of the outputs that a call can store in this type. */
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
  row(rmsNormOp, ['y'], () => both),
  row(rotaryOp, ['y'], () => both),
  row(gatedUnitOp, ['y'], () => both),
  row(gatedUnitBackwardOp, ['dg', 'du']),
  row(linearOp, ['y'], (call, features) =>
    bf16.filter((type) => type === productType(call.inputs, features)),
  ),
  // A product adds to what it stores in the same type.
  row(linearBackwardOp, ['dx'], (call, features) => (call.inputs.dxBefore ? [] : ofProduct(call, features))),
  row(attentionOp, ['y'], ofAttention),
  row(attentionBackwardOp, ['dq', 'dk', 'dv'], ofAttention),
]);
