/** The dense products of `linear` on tensor cores, with operands in f16 (see halfOperands.wgsl.ts) and sums in f32. */
import type { Dispatch, GpuFeatures } from '../../kernels/webgpu/dispatch.ts';
import { halfMatrix } from '../../kernels/webgpu/halfOperands.wgsl.ts';
import { halfProduct, isWorthHalves } from '../../kernels/webgpu/halfProduct.wgsl.ts';
import { rowsOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import type { LinearGradients } from './kernel.wgsl.ts';

/** Whether rows of operands are whole vectors, and the product is large enough to convert its operands to f16. */
export function suits(x: Tensor, weight: Tensor, { halfMatrices }: GpuFeatures): boolean {
  const [out, width] = weight.shape as [number, number];
  const rows = rowsOf(x);
  const ready = weight.dtype === 'f32' || weight.dtype === 'f16';
  return (
    halfMatrices && ready && out % 8 === 0 && width % 8 === 0 && rows >= 64 && isWorthHalves(rows, out, width)
  );
}

/** y = x · Wᵀ, W in f32 or f16 */
export function linearForward(x: Tensor, weight: Tensor, y: Tensor): Dispatch[] {
  const a = halfMatrix(x, 'rows');
  if (weight.dtype === 'f16') {
    return [
      ...a.dispatches,
      ...halfProduct({ shader: 'linear', a: a.rows, b: weight, c: y, scales: [a.unscale] }),
    ];
  }
  const b = halfMatrix(weight, 'rows');
  return [
    ...a.dispatches,
    ...b.dispatches,
    ...halfProduct({ shader: 'linear', a: a.rows, b: b.rows, c: y, scales: [a.unscale, b.unscale] }),
  ];
}

/** dx = dy · W + before; dW = dyᵀ · x + before */
export function linearBackward({ x, weight, dy, dx, dWeight, before }: LinearGradients): Dispatch[] {
  const [gradient, w, activations] = [
    halfMatrix(dy, 'both'),
    halfMatrix(weight, 'columns'),
    halfMatrix(x, 'columns'),
  ];
  return [
    ...gradient.dispatches,
    ...w.dispatches,
    ...halfProduct({
      shader: 'linearGradientOfInput',
      a: gradient.rows,
      b: w.columns,
      c: dx,
      scales: [gradient.unscale, w.unscale],
      before: before.dx,
    }),
    ...activations.dispatches,
    ...halfProduct({
      shader: 'linearGradientOfWeight',
      a: gradient.columns,
      b: activations.columns,
      c: dWeight,
      scales: [gradient.unscale, activations.unscale],
      before: before.dWeight,
    }),
  ];
}
