/** The two dense products of BitLinear's straight-through backward pass. The forward pass has none. */

import { denseProduct, overTiles } from '../../kernels/webgpu/denseProduct.wgsl.ts';
import type { Dispatch, GpuFeatures } from '../../kernels/webgpu/dispatch.ts';
import { halfActivations, halfMatrix, halfWeights } from '../../kernels/webgpu/halfOperands.wgsl.ts';
import { halfProduct, isWorthHalves } from '../../kernels/webgpu/halfProduct.wgsl.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { wordAt } from './words.wgsl.ts';

export interface BitLinearGradients {
  readonly dOut: Tensor;
  /** The largest magnitudes of entries in some parts of it, if known. */
  readonly largest?: Tensor | undefined;
  readonly codes: Tensor;
  readonly scale: Tensor;
  /** Activations as in the forward pass: int8 [rows, stride] and their step [rows]. */
  readonly q: Tensor;
  readonly step: Tensor;
  /** The first of their rows, if the tensors hold those of several projections. Default 0. */
  readonly first?: number | undefined;
  /** Gradient of the normalised activations ŷ [rows, width]. */
  readonly dy: Tensor;
  readonly dWeight: Tensor;
  /** The tensor that dWeight is added to. */
  readonly before: Tensor | undefined;
}

/** dy = dOut · codes · scale, and dWeight = before + dOutᵀ · ŷ */
export function bitLinearGradients(t: BitLinearGradients, { halfMatrices }: GpuFeatures): Dispatch[] {
  const [out, width] = t.dWeight.shape as [number, number];
  const suits = out % 32 === 0 && width % 8 === 0 && isWorthHalves(rowsOf(t.dOut), out, width);
  if (halfMatrices && suits) return onTensorCores(t);
  return [gradientOfInput(t), gradientOfWeight(t)];
}

function onTensorCores(t: BitLinearGradients): Dispatch[] {
  const { dOut, largest, codes, scale, q, step, first, dy, dWeight, before } = t;
  const gradient = halfMatrix(dOut, 'both', largest);
  const weights = halfWeights(codes);
  const activations = halfActivations(q, step, dWeight.shape[1]!, rowsOf(dOut), first);
  return [
    ...gradient.dispatches,
    weights.dispatch,
    ...halfProduct({
      shader: 'bitLinearGradientOfInput',
      a: gradient.rows,
      b: weights.columns,
      c: dy,
      scales: [gradient.unscale, scale],
    }),
    activations.dispatch,
    ...halfProduct({
      shader: 'bitLinearGradientOfWeight',
      a: gradient.columns,
      b: activations.columns,
      c: dWeight,
      scales: [gradient.unscale],
      before,
    }),
  ];
}

/** dy [rows, width] = dOut [rows, out] · codes [out, width] · scale; codes are unpacked only within a tile */
function gradientOfInput({ dOut, codes, scale, dy }: BitLinearGradients): Dispatch {
  const [out, width] = codes.shape as [number, number];
  const rows = rowsOf(dOut);
  return {
    shader: 'bitLinearGradientOfInput',
    code: `${wordAt(width)}
${denseProduct({
  a: 'return dOut[m * p.K + k];',
  aRunsAlong: 'k',
  b: `
  let packedRows = (p.K + 3u) / 4u;
  let plane = k / packedRows;
  let word = wordAt((k - plane * packedRows) * p.N + n) >> (2u * plane);
  return vec4f((vec4u(word) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(3u)) - 1.0;`,
  store: 'dy[at] = value * scale[0];',
})}`,
    tensors: { dOut, codes, scale, dy },
    numbers: { M: rows, N: width, K: out },
    workgroups: overTiles(rows, width),
  };
}

/** dWeight [out, width] = before + dOutᵀ [out, rows] · ŷ [rows, width], where ŷ = q·step is never stored */
function gradientOfWeight({ dOut, q, step, first = 0, dWeight, before }: BitLinearGradients): Dispatch {
  const [out, width] = dWeight.shape as [number, number];
  return {
    shader: 'bitLinearGradientOfWeight',
    code: denseProduct({
      a: 'return dOut[k * p.M + m];',
      aRunsAlong: 'm',
      b: `
  let row = p.first + k;
  let word = q[(row * p.stride + n) / 4u];
  let bytes = bitcast<vec4i>(vec4u(word) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u);
  return vec4f(bytes) * step[row];`,
      store: `dWeight[at] = ${before ? 'before[at] + ' : ''}value;`,
    }),
    tensors: { dOut, q, step, dWeight, before },
    numbers: { M: out, N: width, K: rowsOf(dOut), stride: widthOf(q), first },
    workgroups: overTiles(out, width),
  };
}
