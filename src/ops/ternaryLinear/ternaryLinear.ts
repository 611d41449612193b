import { cost, type DataOf, type Op } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import { startSum } from '../accumulate.ts';
import { bitLinearGradients } from '../bitLinear/backward.wgsl.ts';
import { isOneRow, unpackCodes } from '../bitLinear/packed.ts';
import { plainTernaryLinear } from '../bitLinear/plain.ts';
import { ternaryProduct } from '../bitLinear/product.wgsl.ts';
import { quantiseWeights } from '../bitLinear/quantiseWeights.ts';
import { expectShape, rowsOf, widthOf, withWidth } from '../shapes.ts';
import { quantiseRows } from './kernel.wgsl.ts';
import { ternaryLinearBackwardReference, ternaryLinearReference } from './reference.ts';

/** What a BitNet projection stores. */
export interface TernaryLinearParameters {
  /** Matrix [out, width]: f32 (quantised while running, trainable) or `ternary` (packed). */
  readonly weight: Tensor;
  /** Scale t [1] of a packed matrix. */
  readonly scale?: Tensor | undefined;
  /** Record the parts as ops of their own: see `plainTernaryLinear`. */
  readonly plain?: boolean | undefined;
}

/**
 * BitNet b1.58's projection: int8 activations and ternary weights as in BitLinear, but without a norm of its own:
 * [.., width] → [.., out].
 */
export function ternaryLinear(x: Tensor, { weight, scale, plain }: TernaryLinearParameters): Tensor {
  expectShape('ternaryLinear', 'weight', weight, [weight.shape[0]!, widthOf(x)]);
  if (weight.dtype === 'ternary' && !scale)
    throw new Error(`ternaryLinear: packed ${weight} needs its scale`);
  if (plain) return plainTernaryLinear(x, weight);
  const matrix = weight.dtype === 'ternary' ? { codes: weight, scale: scale! } : quantiseWeights(weight);
  return emit(ternaryLinearOp, {
    inputs: [x, matrix.codes, matrix.scale],
    outputs: [{ name: 'y', shape: withWidth(x.shape, weight.shape[0]!) }],
    scratch: quantised(x),
    attributes: undefined,
  })[0]!;
}

/** int8 rows are padded to whole vectors, so that kernels need no tail. */
function paddedWidth(x: Tensor): number {
  return Math.ceil(widthOf(x) / 16) * 16;
}

function quantised(x: Tensor) {
  return [
    { name: 'q', shape: [rowsOf(x), paddedWidth(x)], dtype: 'i8' },
    { name: 'step', shape: [rowsOf(x)] },
    { name: 'sum', shape: [rowsOf(x)], dtype: 'i32' },
  ] as const;
}

function quantiseKernel(x: Tensor, [q, step, sum]: readonly Tensor[]) {
  return { kernel: 'quantiseRows', args: [x, q, step, sum, rowsOf(x), widthOf(x), paddedWidth(x)] };
}

export const ternaryLinearOp: Op = {
  name: 'ternaryLinear',
  // An addition or subtraction for each weight; a scale for each activation and each output.
  cost: (call) => {
    const [x, codes] = call.inputs;
    const rows = rowsOf(x!);
    const [out, width] = codes!.shape as [number, number];
    const multiplications = x!.size + rows * out;
    return cost(call, { additions: rows * out * width, multiplications, special: rows });
  },
  reference({ inputs: [x, codes, scale], outputs: [y] }, data) {
    ternaryLinearReference(data(x!), matrixOf(codes!, scale!, data), widthOf(x!), data(y!));
  },
  cpu({ inputs: [x, codes, scale], outputs: [y], scratch }) {
    const [q, step, sum] = scratch;
    const sizes = [widthOf(x!), paddedWidth(x!), codes!.shape[0]!];
    if (isOneRow(rowsOf(x!), widthOf(x!)))
      return [{ kernel: 'ternaryLinearRow', args: [x, codes, scale, y, ...sizes] }];
    return [
      quantiseKernel(x!, scratch),
      { kernel: 'ternaryProduct', args: [q, step, sum, codes, scale, y, rowsOf(x!), ...sizes] },
    ];
  },
  webgpu({ inputs: [x, codes, scale], outputs: [y], scratch }, features) {
    const [q, step, sum] = scratch;
    const rows = { q: q!, step: step!, sum: sum! };
    return [
      quantiseRows({ x: x!, ...rows }),
      ternaryProduct({ ...rows, codes: codes!, scale: scale!, y: y! }, features),
    ];
  },
  backward({ inputs: [x, codes, scale], outputs: [y] }, gradients) {
    const [dx, dWeight] = emit(ternaryLinearBackwardOp, {
      inputs: [x, codes, scale, gradients.of(y!), gradients.of(codes!)],
      outputs: [
        { name: 'dx', shape: x!.shape },
        { name: 'dWeight', shape: codes!.shape },
      ],
      scratch: quantised(x!),
      attributes: undefined,
    });
    if (gradients.wants(x)) gradients.add(x, dx!);
    if (gradients.wants(codes)) gradients.set(codes, dWeight!);
  },
};

const ternaryLinearBackwardOp: Op = {
  name: 'ternaryLinearBackward',
  inPlace: [[1, 4]],
  cost: (call) => {
    const product = rowsOf(call.inputs[0]!) * call.inputs[1]!.size;
    // dW is a dense product; dx takes ternary weights, which add and subtract.
    return cost(call, { additions: 2 * product, productMultiplications: product });
  },
  reference({ inputs: [x, codes, scale, dOut, before], outputs: [dx, dWeight] }, data) {
    ternaryLinearBackwardReference(
      { x: data(x!), weight: matrixOf(codes!, scale!, data), width: widthOf(x!) },
      data(dOut!),
      { dx: data(dx!), dWeight: startSum(data, dWeight!, before) },
    );
  },
  cpu({ inputs: [x, codes, scale, dOut, before], outputs: [dx, dWeight], scratch }) {
    const [q, step] = scratch;
    const [rows, width, out] = [rowsOf(x!), widthOf(x!), codes!.shape[0]!];
    const one = { f32: 1 };
    const kind = 0; // set by the kernel
    return [
      quantiseKernel(x!, scratch),
      {
        kernel: 'bitLinearGradientOfInput',
        args: [dx, width, 0, one, dOut, out, 1, codes, width, kind, 0, rows, width, out, scale],
      },
      {
        kernel: 'bitLinearGradientOfWeight',
        args: [dWeight, width, before, one, dOut, 1, out, q, paddedWidth(x!), kind, step, out, width, rows],
      },
    ];
  },
  webgpu({ inputs: [x, codes, scale, dOut, before], outputs: [dx, dWeight], scratch }, features) {
    const [q, step, sum] = scratch;
    return [
      quantiseRows({ x: x!, q: q!, step: step!, sum: sum! }),
      ...bitLinearGradients(
        {
          ...{ dOut: dOut!, codes: codes!, scale: scale!, q: q!, step: step! },
          ...{ dy: dx!, dWeight: dWeight!, before },
        },
        features,
      ),
    ];
  },
};

function matrixOf(codes: Tensor, scale: Tensor, data: DataOf) {
  return { codes: unpackCodes(data(codes), codes.shape), scale: data(scale)[0]! };
}
