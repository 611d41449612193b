/**
 * Logits that only the loss reads stay int32 sums of the head's product, as other products do (see integerSums.ts): the
 * largest tensor of a step is neither scaled nor stored as floats.
 */
import type { CudaFeatures } from '../../../kernels/cuda/launch.ts';
import { onCuda } from '../../../kernels/cuda/lowering.ts';
import { scratch } from '../../../kernels/scratch.ts';
import { bitLinearOp } from '../../../ops/bitLinear/bitLinear.ts';
import { integerSums, suitsTensorCores } from '../../../ops/bitLinear/product.cuda.ts';
import { quantiseActivations } from '../../../ops/bitLinear/quantise.cuda.ts';
import { paddedWidth } from '../../../ops/bitLinear/quantisedRows.ts';
import type { Units } from '../../../ops/bitLinear/units.ts';
import { crossEntropyBackwardOp, crossEntropyOp } from '../../../ops/crossEntropy/crossEntropy.ts';
import { crossEntropyBackward, crossEntropyForward } from '../../../ops/crossEntropy/cuda.ts';
import { type Call, type CallOf, callOfOp, type Tensors } from '../../../program/op.ts';
import type { Program } from '../../../program/record.ts';
import { rowsOf, widthOf } from '../../../program/shapes.ts';
import { Tensor } from '../../../program/tensor.ts';
import { callOf, fusedOp } from '../../fused/fusedOp.ts';
import { Uses, withoutCalls } from '../../fused/uses.ts';

type Head = CallOf<typeof bitLinearOp>;

interface Logits extends Units {
  readonly sums: Tensor;
}

/** The same program, in which logits that only losses read are sums. */
export function keepIntegerLogits(program: Program, features: CudaFeatures): Program {
  const uses = new Uses(program);
  const kept = new Map<Tensor, Logits>();
  for (const call of program.calls) {
    const head = callOfOp(call, bitLinearOp);
    if (head && suits(head, uses, features)) kept.set(head.outputs.y, sumsOf(head));
  }
  if (kept.size === 0) return program;
  const rewritten = withoutCalls(program);
  rewritten.marks.push(...program.marks);
  rewritten.calls.push(...program.calls.map((call) => replaced(call, kept)));
  return rewritten;
}

function suits({ inputs: { x }, outputs: { y } }: Head, uses: Uses, features: CudaFeatures): boolean {
  const isLoss = (call: Call) =>
    (callOfOp(call, crossEntropyOp) ?? callOfOp(call, crossEntropyBackwardOp))?.inputs.logits === y;
  return (
    suitsTensorCores(rowsOf(y), widthOf(y), paddedWidth(x), features) &&
    !uses.isKept(y) &&
    uses.readers(y).every(isLoss)
  );
}

function sumsOf({ inputs: { x, scale }, outputs: { y } }: Head): Logits {
  return {
    sums: new Tensor('temporary', 'i32', y.shape, `${y.name}.sums`),
    step: new Tensor('temporary', 'f32', [rowsOf(x)], `${y.name}.step`),
    ...{ scale, first: 0 },
  };
}

function replaced(call: Call, kept: ReadonlyMap<Tensor, Logits>): Call {
  const head = callOfOp(call, bitLinearOp);
  const own = head && kept.get(head.outputs.y);
  if (own) {
    const { x, norm, codes } = head.inputs;
    return callOf(integerHeadOp, { x, norm, codes }, { sums: own.sums, step: own.step }, undefined);
  }
  const loss = callOfOp(call, crossEntropyOp);
  const back = callOfOp(call, crossEntropyBackwardOp);
  const units = kept.get((loss ?? back)?.inputs.logits as Tensor);
  if (!units) return call;
  const inputs = { logits: units.sums, unitStep: units.step, unitScale: units.scale };
  if (loss)
    return callOf(scaledLossOp, { ...loss.inputs, ...inputs }, loss.outputs, {
      weight: loss.attributes.weight,
    });
  return callOf(scaledLossBackwardOp, { ...back!.inputs, ...inputs }, back!.outputs, {
    weight: back!.attributes.weight,
  });
}

const integerHeadOp = fusedOp<undefined, Tensors<'x' | 'norm' | 'codes'>, Tensors<'sums' | 'step'>>(
  'integerHead',
  ({ inputs, outputs, attributes }) =>
    bitLinearOp.cost({
      op: bitLinearOp,
      inputs: { ...inputs, scale: outputs.step },
      outputs: { y: outputs.sums },
      attributes,
    }),
);

type UnitTensors = Tensors<'unitStep' | 'unitScale'>;
type LossInputs = CallOf<typeof crossEntropyOp>['inputs'] & UnitTensors;
type BackwardInputs = CallOf<typeof crossEntropyBackwardOp>['inputs'] & UnitTensors;
type Weight = CallOf<typeof crossEntropyOp>['attributes'];

const scaledLossOp = fusedOp<Weight, LossInputs, CallOf<typeof crossEntropyOp>['outputs']>(
  'scaledCrossEntropy',
  (call) => crossEntropyOp.cost({ ...call, op: crossEntropyOp }),
);

/** Its dLogits, in floats of four bytes, may be the memory of the sums. */
export const scaledLossBackwardOp = fusedOp<
  Weight,
  BackwardInputs,
  CallOf<typeof crossEntropyBackwardOp>['outputs']
>(
  'scaledCrossEntropyBackward',
  (call) => crossEntropyBackwardOp.cost({ ...call, op: crossEntropyBackwardOp }),
  { dLogits: 'logits' },
);

const unitsOf = ({ unitStep, unitScale }: UnitTensors): Units => ({
  step: unitStep,
  scale: unitScale,
  first: 0,
});

export const integerLogitsOnCuda = [
  onCuda(integerHeadOp, ({ inputs: { x, norm, codes }, outputs: { sums, step } }) => {
    const q = scratch('q', [rowsOf(x), paddedWidth(x)], 'i8');
    const sum = scratch('sum', [rowsOf(x)], 'i32');
    return [quantiseActivations({ x, norm, q, step, sum }), ...integerSums({ q, codes, sums }, 0)];
  }),
  onCuda(scaledLossOp, (call) => crossEntropyForward({ ...call, op: crossEntropyOp }, unitsOf(call.inputs))),
  onCuda(scaledLossBackwardOp, (call) =>
    crossEntropyBackward({ ...call, op: crossEntropyBackwardOp }, unitsOf(call.inputs)),
  ),
];
