import { gemm, storage } from '../../kernels/cpu/gemm.ts';
import { byRows, type KernelCall, kernelCall, packedProduct } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { scratch } from '../../kernels/scratch.ts';
import { rowsOf, sizeOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { rmsNormBackwardKernels } from '../rmsNorm/cpu.ts';
import { bitLinearBackwardOp, bitLinearOp } from './bitLinear.ts';
import { paddedWidth, quantisedRows } from './quantisedRows.ts';
import { quantiseWeightsOp } from './quantiseWeights.ts';
import { epsilon } from './reference.ts';

export const bitLinearOnCpu = [
  onCpu(bitLinearOp, ({ inputs: { x, norm: gamma, codes, scale }, outputs: { y } }) => {
    const sizes = { width: widthOf(x), stride: paddedWidth(x), out: sizeOf(codes, 0) };
    if (isOneRow(rowsOf(x), widthOf(x))) {
      const call = kernelCall('bitLinearRow', { x, gamma, codes, scale, y, ...sizes, epsilon });
      return [packedProduct(call, sizes.out)];
    }
    const rows = quantisedRows(x);
    return [
      quantiseActivations(x, gamma, rows),
      packedProduct(
        kernelCall('ternaryProduct', { ...rows, codes, scale, y, rows: rowsOf(x), ...sizes }),
        sizes.out,
      ),
    ];
  }),
  onCpu(bitLinearBackwardOp, ({ inputs, outputs: { dx, dNorm, dWeight } }) => {
    const { x, norm: gamma, dxBefore, dNormBefore } = inputs;
    const rows = quantisedRows(x);
    const dy = scratch('dy', x.shape);
    const norm = { x, gamma, dy, dx, dgamma: dNorm, dxBefore, dgammaBefore: dNormBefore };
    return [
      quantiseActivations(x, gamma, rows),
      ...ternaryGradients({ ...inputs, ...rows, dy, dWeight }),
      ...rmsNormBackwardKernels(norm, epsilon),
    ];
  }),
  onCpu(quantiseWeightsOp, ({ inputs: { weight }, outputs: { codes, scale } }) => {
    const { sums, parts, call } = weightScaleParts(weight);
    const sizes = { out: sizeOf(weight, 0), width: widthOf(weight), parts };
    return [call, kernelCall('packWeights', { w: weight, sums, codes, scale, ...sizes })];
  }),
];

/** A thread's memory holds one int8 row of at most this many columns: see row.as.ts. */
const maxRowWidth = 2 ** 18;

/** Whether each thread converts the row to int8 by itself. */
export function isOneRow(rows: number, width: number): boolean {
  return rows === 1 && width <= maxRowWidth;
}

function quantiseActivations(x: Tensor, gamma: Tensor, rows: ReturnType<typeof quantisedRows>): KernelCall {
  const sizes = { rows: rowsOf(x), width: widthOf(x), stride: paddedWidth(x) };
  const call = kernelCall('quantiseActivations', { x, gamma, ...rows, ...sizes, epsilon });
  return byRows({ ...call, prepares: true }, sizes.rows);
}

export interface TernaryGradients {
  /** [.., out] */
  readonly dOut: Tensor;
  readonly codes: Tensor;
  readonly scale: Tensor;
  /** The activations of the product, as int8. */
  readonly q: Tensor;
  readonly step: Tensor;
  /** Gradient of the product's input [.., width], and the tensor that it is added to. */
  readonly dy: Tensor;
  readonly dyBefore?: Tensor | undefined;
  readonly dWeight: Tensor;
  readonly dWeightBefore: Tensor | undefined;
}

/** Both products of the backward pass of a ternary projection. */
export function ternaryGradients(t: TernaryGradients): KernelCall[] {
  const [rows, width, out] = [rowsOf(t.dy), widthOf(t.dy), sizeOf(t.codes, 0)];
  const codes = { b: t.codes, kind: storage.ternary, rowStride: width };
  const activations = { b: t.q, kind: storage.int8, rowStride: widthOf(t.q), rowScale: t.step };
  const ofInput = { c: t.dy, before: t.dyBefore, scale: t.scale, a: t.dOut, ...codes };
  const ofWeight = { c: t.dWeight, before: t.dWeightBefore, a: t.dOut, transposed: true, ...activations };
  return [
    kernelCall('bitLinearGradientOfInput', gemm({ ...ofInput, rows, columns: width, depth: out })),
    kernelCall('bitLinearGradientOfWeight', gemm({ ...ofWeight, rows: out, columns: width, depth: rows })),
  ];
}

/** Number of parts of Σ|w|, whatever the number of threads, so that results never depend on it. */
const parts = 64;

/** The sums of |w| from which each thread finds the scale of a matrix. */
export function weightScaleParts(weight: Tensor) {
  const sums = scratch('parts', [parts]);
  return { sums, parts, call: kernelCall('weightScaleParts', { w: weight, sums, size: weight.size, parts }) };
}
