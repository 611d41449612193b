import { type Cost, cost, type DataOf, type Op } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import { byteSize, type Tensor } from '../../program/tensor.ts';
import { startSum } from '../accumulate.ts';
import { rmsNormBackward } from '../rmsNorm/kernel.wgsl.ts';
import { normCounts, rmsNormBackwardKernels } from '../rmsNorm/rmsNorm.ts';
import { expectShape, rowsOf, widthOf, withWidth } from '../shapes.ts';
import { bitLinearGradients } from './backward.wgsl.ts';
import { isOneRow, unpackCodes } from './packed.ts';
import { plainBitLinear } from './plain.ts';
import { ternaryProduct } from './product.wgsl.ts';
import { quantiseActivations } from './quantise.wgsl.ts';
import { quantiseWeights } from './quantiseWeights.ts';
import { bitLinearBackwardReference, bitLinearReference, epsilon } from './reference.ts';

/** What a BitLinear projection stores. */
export interface BitLinearParameters {
  /** RMSNorm weight [width]. */
  readonly norm: Tensor;
  /** Matrix [out, width]: f32 (quantised while running, trainable) or `ternary` (packed). */
  readonly weight: Tensor;
  /** Scale t [1] of a packed matrix. */
  readonly scale?: Tensor | undefined;
  /** Record the parts as ops of their own: see `plainBitLinear`. */
  readonly plain?: boolean | undefined;
}

/** RMSNorm, int8 activations and ternary weights in one projection: [.., width] → [.., out]. */
export function bitLinear(x: Tensor, { norm, weight, scale, plain }: BitLinearParameters): Tensor {
  expectShape('bitLinear', 'norm', norm, [widthOf(x)]);
  expectShape('bitLinear', 'weight', weight, [weight.shape[0]!, widthOf(x)]);
  if (weight.dtype === 'ternary' && !scale) throw new Error(`bitLinear: packed ${weight} needs its scale`);
  if (plain) return plainBitLinear(x, norm, weight);
  const matrix = weight.dtype === 'ternary' ? { codes: weight, scale: scale! } : quantiseWeights(weight);
  return emit(bitLinearOp, {
    inputs: [x, norm, matrix.codes, matrix.scale],
    outputs: [{ name: 'y', shape: withWidth(x.shape, weight.shape[0]!) }],
    scratch: quantisedActivations(x),
    attributes: undefined,
  })[0]!;
}

/** int8 rows are padded to whole vectors, so that kernels need no tail. */
function paddedWidth(x: Tensor): number {
  return Math.ceil(widthOf(x) / 16) * 16;
}

function quantisedActivations(x: Tensor) {
  return [
    { name: 'q', shape: [rowsOf(x), paddedWidth(x)], dtype: 'i8' },
    { name: 'step', shape: [rowsOf(x)] },
    { name: 'sum', shape: [rowsOf(x)], dtype: 'i32' },
  ] as const;
}

function quantiseKernel(x: Tensor, norm: Tensor, [q, step, sum]: readonly Tensor[]) {
  const sizes = [rowsOf(x), widthOf(x), paddedWidth(x)];
  return { kernel: 'quantiseActivations', args: [x, norm, q, step, sum, ...sizes, { f32: epsilon }] };
}

/** Numbers of a ternary product: an addition or subtraction for each weight, one scale for each output. */
function productCounts(x: Tensor, out: number): Pick<Cost, 'additions' | 'multiplications'> {
  return { additions: rowsOf(x) * out * widthOf(x), multiplications: rowsOf(x) * out };
}

export const bitLinearOp: Op = {
  name: 'bitLinear',
  cost: (call) => {
    const x = call.inputs[0]!;
    const norm = normCounts(x);
    const product = productCounts(x, call.inputs[2]!.shape[0]!);
    return cost(call, {
      additions: norm.additions + product.additions,
      multiplications: norm.multiplications + x.size + product.multiplications,
      special: norm.special + rowsOf(x),
    });
  },
  reference({ inputs: [x, norm, codes, scale], outputs: [y] }, data) {
    bitLinearReference(data(x!), data(norm!), matrixOf(codes!, scale!, data), codes!.shape[0]!, data(y!));
  },
  cpu({ inputs: [x, norm, codes, scale], outputs: [y], scratch }) {
    const [q, step, sum] = scratch;
    const sizes = [widthOf(x!), paddedWidth(x!), codes!.shape[0]!];
    if (isOneRow(rowsOf(x!), widthOf(x!)))
      return [{ kernel: 'bitLinearRow', args: [x, norm, codes, scale, y, ...sizes, { f32: epsilon }] }];
    return [
      quantiseKernel(x!, norm!, scratch),
      { kernel: 'ternaryProduct', args: [q, step, sum, codes, scale, y, rowsOf(x!), ...sizes] },
    ];
  },
  webgpu({ inputs: [x, norm, codes, scale], outputs: [y], scratch }, features) {
    const [q, step, sum] = scratch;
    const quantised = { q: q!, step: step!, sum: sum! };
    return [
      quantiseActivations({ x: x!, norm: norm!, ...quantised }),
      ternaryProduct({ ...quantised, codes: codes!, scale: scale!, y: y! }, features),
    ];
  },
  backward({ inputs: [x, norm, codes, scale], outputs: [y] }, gradients) {
    const [dx, dnorm, dWeight] = emit(bitLinearBackwardOp, {
      inputs: [
        x,
        norm,
        codes,
        scale,
        gradients.of(y!),
        ...[x, norm, codes].map((tensor) => gradients.of(tensor!)),
      ],
      outputs: [
        { name: 'dx', shape: x!.shape },
        { name: 'dnorm', shape: norm!.shape },
        { name: 'dWeight', shape: codes!.shape },
      ],
      scratch: [
        ...quantisedActivations(x!),
        { name: 'dy', shape: x!.shape },
        { name: 'r', shape: [rowsOf(x!)] },
      ],
      attributes: undefined,
    });
    if (gradients.wants(x)) gradients.set(x, dx!);
    if (gradients.wants(norm)) gradients.set(norm, dnorm!);
    if (gradients.wants(codes)) gradients.set(codes, dWeight!);
  },
};

export const bitLinearBackwardOp: Op = {
  name: 'bitLinearBackward',
  inPlace: [
    [0, 5],
    [1, 6],
    [2, 7],
  ],
  cost: (call) => {
    const x = call.inputs[0]!;
    const product = rowsOf(x) * call.inputs[2]!.size;
    return cost(call, {
      additions: 6 * x.size + 2 * product,
      multiplications: 12 * x.size,
      productMultiplications: product, // dW; dŷ takes ternary weights, which add and subtract
      special: 2 * rowsOf(x),
    });
  },
  reference({ inputs, outputs: [dx, dnorm, dWeight] }, data) {
    const [x, norm, codes, scale, dy, ...before] = inputs;
    bitLinearBackwardReference(
      { x: data(x!), gamma: data(norm!), weight: matrixOf(codes!, scale!, data) },
      data(dy!),
      {
        dx: startSum(data, dx!, before[0]),
        dgamma: startSum(data, dnorm!, before[1]),
        dWeight: startSum(data, dWeight!, before[2]),
      },
    );
  },
  cpu({ inputs, outputs: [dx, dnorm, dWeight], scratch }) {
    const [x, norm, codes, scale, dOut, dxBefore, dgammaBefore, dWeightBefore] = inputs;
    const [q, step, , dy, r] = scratch;
    const [rows, width, out] = [rowsOf(x!), widthOf(x!), codes!.shape[0]!];
    const kind = 0; // set by the kernel
    return [
      quantiseKernel(x!, norm!, scratch),
      {
        kernel: 'bitLinearGradientOfInput',
        args: [dy, width, 0, { f32: 1 }, dOut, out, 1, codes, width, kind, 0, rows, width, out, scale],
      },
      {
        kernel: 'bitLinearGradientOfWeight',
        args: [
          dWeight,
          width,
          dWeightBefore,
          { f32: 1 },
          dOut,
          1,
          out,
          q,
          paddedWidth(x!),
          kind,
          step,
          out,
          width,
          rows,
        ],
      },
      ...rmsNormBackwardKernels(
        { x: x!, gamma: norm!, dy: dy!, dxBefore, dgammaBefore, dx: dx!, dgamma: dnorm!, r: r! },
        epsilon,
      ),
    ];
  },
  webgpu({ inputs, outputs: [dx, dnorm, dWeight], scratch }, features) {
    const [x, norm, codes, scale, dOut, dxBefore, dgammaBefore, dWeightBefore] = inputs;
    const [q, step, sum, dy, r] = scratch;
    const norms = { x: x!, gamma: norm!, dy: dy!, dxBefore, dgammaBefore, dx: dx!, dgamma: dnorm!, r: r! };
    return [
      quantiseActivations({ x: x!, norm: norm!, q: q!, step: step!, sum: sum! }),
      ...bitLinearGradients(
        {
          ...{ dOut: dOut!, codes: codes!, scale: scale!, q: q!, step: step! },
          ...{ dy: dy!, dWeight: dWeight!, before: dWeightBefore },
        },
        features,
      ),
      ...rmsNormBackward(norms, epsilon),
    ];
  },
};

function matrixOf(codes: Tensor, scale: Tensor, data: DataOf) {
  return { codes: unpackCodes(data(codes), codes.shape), scale: data(scale)[0]! };
}

/** Bytes of a packed matrix [out, width] with its scale. */
export function ternaryBytes(out: number, width: number): number {
  return byteSize('ternary', [out, width]) + 4;
}
