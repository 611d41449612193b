import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { activations, elementKernel, overElements } from '../../kernels/webgpu/wgsl.ts';
import { widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';

/** y [rows, width] = SiLU(g) ⊙ u for rows [g, u] of x [rows, 2·width] */
export function swigluForward(x: Tensor, y: Tensor): Dispatch {
  return {
    shader: 'swigluForward',
    code:
      activations +
      elementKernel(`
      let at = i + i / p.width * p.width;
      let g = x[at];
      y[i] = g * sigmoid(g) * x[at + p.width];`),
    tensors: { x, y },
    numbers: { size: y.size, width: widthOf(y) },
    workgroups: overElements(y.size),
  };
}

/** dx [rows, 2·width] from dy [rows, width]; dx may be the memory of x */
export function swigluBackward(x: Tensor, dy: Tensor, dx: Tensor): Dispatch {
  return {
    shader: 'swigluBackward',
    code:
      activations +
      elementKernel(`
      let at = i + i / p.width * p.width;
      let g = x[at];
      let u = x[at + p.width];
      let s = sigmoid(g);
      let d = dy[i];
      dx[at] = d * u * siluSlope(g, s);
      dx[at + p.width] = d * g * s;`),
    tensors: { x, dy, dx },
    numbers: { size: dy.size, width: widthOf(dy) },
    workgroups: overElements(dy.size),
  };
}
