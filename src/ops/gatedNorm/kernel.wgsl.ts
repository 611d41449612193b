import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { activations, eachColumn, overRows, rowKernel } from '../../kernels/webgpu/wgsl.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { inverseRms } from '../rmsNorm/kernel.wgsl.ts';

type Forward = Readonly<Record<'x' | 'h' | 'gamma' | 'y', Tensor>>;
type Backward = Readonly<Record<'x' | 'h' | 'gamma' | 'dy' | 'dh' | 'dNormal', Tensor>>;

/** y = x·r·γ ⊙ SiLU(h); x, h, y [rows, width], gamma [width]; y may be the memory of x */
export function gatedNormForward(t: Forward, epsilon: number): Dispatch {
  return {
    shader: 'gatedNormForward',
    code: code(t.x, 'y[i] = x[i] * r * gamma[c] * (h[i] * sigmoid(h[i]));'),
    tensors: { ...t },
    ...sizes(t.x, epsilon),
  };
}

/** dh, and dNormal: the gradient of the norm's output; dh may be the memory of h */
export function gatedNormBackward(t: Backward, epsilon: number): Dispatch {
  return {
    shader: 'gatedNormBackward',
    code: code(
      t.x,
      `
      let state = h[i];
      let s = sigmoid(state);
      let d = dy[i];
      dNormal[i] = d * (state * s);
      dh[i] = d * (x[i] * r * gamma[c]) * siluSlope(state, s);`,
    ),
    tensors: { ...t },
    ...sizes(t.x, epsilon),
  };
}

function code(x: Tensor, body: string): string {
  return activations + rowKernel(widthOf(x), `${inverseRms} ${eachColumn(body)}`);
}

function sizes(x: Tensor, epsilon: number) {
  const [rows, width] = [rowsOf(x), widthOf(x)];
  return { numbers: { rows, width, epsilon: { f32: epsilon } }, workgroups: overRows(rows) };
}
