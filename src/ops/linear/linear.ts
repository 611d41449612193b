import { cost, type Data, type Op } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import { startSum } from '../accumulate.ts';
import { floatDecoder } from '../halfFloats.ts';
import { expectShape, rowsOf, widthOf, withWidth } from '../shapes.ts';
import { linearBackward, linearForward } from './kernel.wgsl.ts';
import { linearBackwardReference, linearReference } from './reference.ts';
import * as onTensorCores from './tensorCores.wgsl.ts';

/**
 * The dense projection of Transformers: x [.., width] times a matrix [out, width] gives [.., out] in f32. The
 * matrix is f32 (then it can be trained), f16, bf16 or, with scales [out] f32, i8, whose entries become f32 as they
 * are met.
 */
export function linear(x: Tensor, weight: Tensor, scales?: Tensor): Tensor {
  if ((weight.dtype === 'i8') !== (scales !== undefined)) {
    throw new Error(`linear: scales belong to matrices of i8, and to those only; found ${weight}`);
  }
  if (scales) expectShape('linear', 'scales', scales, [weight.shape[0]!]);
  const out = weight.shape[0]!;
  expectShape('linear', 'weight', weight, [out, widthOf(x)]);
  const outputs = [{ name: 'y', shape: withWidth(x.shape, out) }];
  return emit(linearOp, { inputs: [x, weight, scales], outputs, attributes: undefined })[0]!;
}

/** Kinds of B in gemm.as.ts. */
const floats = 0;
const alongK = { f32: 3, f16: 4, bf16: 5, i8: 6 } as const;
const one = { f32: 1 };

export const linearOp: Op = {
  name: 'linear',
  cost: (call) => {
    const product = rowsOf(call.inputs[0]!) * call.inputs[1]!.size;
    return cost(call, { additions: product, productMultiplications: product });
  },
  reference({ inputs: [x, weight, scales], outputs: [y] }, data) {
    const matrix = decoded(weight!, data(weight!), scales && data(scales));
    linearReference(data(x!), matrix, widthOf(x!), data(y!));
  },
  cpu({ inputs: [x, weight, scales], outputs: [y] }) {
    const [rows, width, out] = sizes(x!, weight!);
    const kind = alongK[weight!.dtype as keyof typeof alongK];
    return [
      {
        kernel: 'linearForward',
        args: [y, out, 0, one, x, width, 1, weight, width, kind, scales, rows, out, width],
      },
    ];
  },
  webgpu({ inputs: [x, weight, scales], outputs: [y] }, features) {
    return onTensorCores.suits(x!, weight!, features)
      ? onTensorCores.linearForward(x!, weight!, y!)
      : [linearForward(x!, { weight: weight!, scales }, y!)];
  },
  backward({ inputs: [x, weight], outputs: [y] }, gradients) {
    const [dx, dWeight] = emit(linearBackwardOp, {
      inputs: [x, weight, gradients.of(y!), gradients.of(x!), gradients.of(weight!)],
      outputs: [
        { name: 'dx', shape: x!.shape },
        { name: 'dWeight', shape: weight!.shape },
      ],
      attributes: undefined,
    });
    if (gradients.wants(x)) gradients.set(x, dx!);
    if (gradients.wants(weight)) gradients.set(weight, dWeight!);
  },
};

const linearBackwardOp: Op = {
  name: 'linearBackward',
  inPlace: [
    [0, 3],
    [1, 4],
  ],
  cost: (call) => {
    const products = 2 * rowsOf(call.inputs[0]!) * call.inputs[1]!.size;
    return cost(call, { additions: products, productMultiplications: products });
  },
  reference({ inputs: [x, weight, dy, dxBefore, dWeightBefore], outputs: [dx, dWeight] }, data) {
    linearBackwardReference({ x: data(x!), weight: data(weight!), width: widthOf(x!) }, data(dy!), {
      dx: startSum(data, dx!, dxBefore),
      dWeight: startSum(data, dWeight!, dWeightBefore),
    });
  },
  cpu({ inputs: [x, weight, dy, dxBefore, dWeightBefore], outputs: [dx, dWeight] }) {
    const [rows, width, out] = sizes(x!, weight!);
    return [
      {
        kernel: 'linearBackward',
        args: [dx, width, dxBefore, one, dy, out, 1, weight, width, floats, 0, rows, width, out],
      },
      {
        kernel: 'linearBackward',
        args: [dWeight, width, dWeightBefore, one, dy, 1, out, x, width, floats, 0, out, width, rows],
      },
    ];
  },
  webgpu({ inputs: [x, weight, dy, dxBefore, dWeightBefore], outputs: [dx, dWeight] }, features) {
    const tensors = { x: x!, weight: weight!, dy: dy!, dx: dx!, dWeight: dWeight! };
    const all = { ...tensors, before: { dx: dxBefore, dWeight: dWeightBefore } };
    return onTensorCores.suits(x!, weight!, features)
      ? onTensorCores.linearBackward(all)
      : linearBackward(all);
  },
};

function sizes(x: Tensor, weight: Tensor): [rows: number, width: number, out: number] {
  return [rowsOf(x), widthOf(x), weight.shape[0]!];
}

function decoded(weight: Tensor, data: Data, scales: Data | undefined): ArrayLike<number> {
  const [decode, width] = [floatDecoder(weight.dtype), widthOf(weight)];
  return Array.from(data, (x, i) => decode(x) * (scales ? scales[Math.floor(i / width)]! : 1));
}
