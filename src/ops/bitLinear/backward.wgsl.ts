/** The two dense products of BitLinear's straight-through backward pass. The forward pass has none. */
import type { Dispatch } from '../../program/op.ts';
import type { Tensor } from '../../program/tensor.ts';
import { rowsOf, widthOf } from '../shapes.ts';
import { denseProduct, overTiles } from './denseProduct.wgsl.ts';
import { wordAt } from './words.wgsl.ts';

/** dy [rows, width] = dOut [rows, out] · codes [out, width] · scale; codes stay packed until they are in a tile */
export function gradientOfInput(t: Record<'dOut' | 'codes' | 'scale' | 'dy', Tensor>): Dispatch {
  const [out, width] = t.codes.shape as [number, number];
  const rows = rowsOf(t.dOut);
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
    tensors: { ...t },
    numbers: { M: rows, N: width, K: out },
    workgroups: overTiles(rows, width),
  };
}

/** dWeight [out, width] = before + dOutᵀ [out, rows] · ŷ [rows, width], where ŷ = q·step is never stored */
export function gradientOfWeight(
  t: Record<'dOut' | 'q' | 'step' | 'dWeight', Tensor>,
  before: Tensor | undefined,
): Dispatch {
  const [out, width] = t.dWeight.shape as [number, number];
  return {
    shader: 'bitLinearGradientOfWeight',
    code: denseProduct({
      a: 'return dOut[k * p.M + m];',
      aRunsAlong: 'm',
      b: `
  let word = q[(k * p.stride + n) / 4u];
  let bytes = bitcast<vec4i>(vec4u(word) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u);
  return vec4f(bytes) * step[k];`,
      store: `dWeight[at] = ${before ? 'before[at] + ' : ''}value;`,
    }),
    tensors: { ...t, before },
    numbers: { M: out, N: width, K: rowsOf(t.q), stride: widthOf(t.q) },
    workgroups: overTiles(out, width),
  };
}
