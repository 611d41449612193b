import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { elementKernel, overElements } from '../../kernels/webgpu/wgsl.ts';
import type { Tensor } from '../../program/tensor.ts';

/** `to` [layers, width]: softmax over layers of column i. */
const softmaxColumn = (to: string) => `
      var top = raw[i];
      for (var l = 1u; l < p.layers; l++) { top = max(top, raw[l * p.size + i]); }
      var total = 0.0;
      for (var l = 0u; l < p.layers; l++) {
        let e = exp(raw[l * p.size + i] - top);
        total += e;
        ${to}[l * p.size + i] = e;
      }
      for (var l = 0u; l < p.layers; l++) { ${to}[l * p.size + i] /= total; }`;

/** raw, bounds [layers, width]; one invocation a column */
export function lowerBoundsForward(raw: Tensor, bounds: Tensor): Dispatch {
  return {
    shader: 'lowerBoundsForward',
    code: elementKernel(`${softmaxColumn('bounds')}
      var sum = 0.0;
      for (var l = 0u; l < p.layers; l++) {
        if (l > 0u) { sum += bounds[l * p.size + i]; }
        bounds[l * p.size + i] = sum;
      }`),
    tensors: { raw, bounds },
    ...columns(raw),
  };
}

/** dp_k = Σ_{l≥k} dbound_l (k ≥ 1), dp_0 = 0; draw = p ⊙ (dp − Σ p·dp), added to what was before. */
export function lowerBoundsBackward(
  t: Record<'raw' | 'dBounds' | 'dRaw' | 'softmax', Tensor>,
  before: Tensor | undefined,
): Dispatch {
  return {
    shader: 'lowerBoundsBackward',
    code: elementKernel(`${softmaxColumn('softmax')}
      var d = 0.0;
      var mean = 0.0;
      for (var l = p.layers - 1u; l > 0u; l--) {
        d += dBounds[l * p.size + i];
        mean += d * softmax[l * p.size + i];
      }
      d = 0.0;
      for (var l = p.layers; l > 0u; l--) {
        let at = (l - 1u) * p.size + i;
        d = select(0.0, d + dBounds[at], l > 1u);
        dRaw[at] = ${before ? 'before[at] + ' : ''}softmax[at] * (d - mean);
      }`),
    tensors: { ...t, before },
    ...columns(t.raw),
  };
}

function columns(raw: Tensor) {
  const [layers, width] = raw.shape as [number, number];
  return { numbers: { size: width, layers }, workgroups: overElements(width) };
}
