import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { activations, elementKernel, overElements } from '../../kernels/webgpu/wgsl.ts';
import type { Tensor } from '../../program/tensor.ts';

/** y = σ(x) ⊙ h; y may be the memory of x */
export function sigmoidGateForward(x: Tensor, h: Tensor, y: Tensor): Dispatch {
  return {
    shader: 'sigmoidGateForward',
    code: activations + elementKernel('y[i] = sigmoid(x[i]) * h[i];'),
    tensors: { x, h, y },
    numbers: { size: y.size },
    workgroups: overElements(y.size),
  };
}

/** dx = dy ⊙ h ⊙ σ'(x), dh = dy ⊙ σ(x); dx may be the memory of x, dh that of h */
export function sigmoidGateBackward(t: Record<'x' | 'h' | 'dy' | 'dx' | 'dh', Tensor>): Dispatch {
  return {
    shader: 'sigmoidGateBackward',
    code:
      activations +
      elementKernel(`
      let s = sigmoid(x[i]);
      let d = dy[i];
      dx[i] = d * h[i] * (s * (1.0 - s));
      dh[i] = d * s;`),
    tensors: t,
    numbers: { size: t.x.size },
    workgroups: overElements(t.x.size),
  };
}
