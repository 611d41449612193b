import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { activations, elementKernel, overElements } from '../../kernels/webgpu/wgsl.ts';
import type { Tensor } from '../../program/tensor.ts';
import type { Activation } from './reference.ts';

/** `act(x)`: the activation and its derivative. */
export const act = {
  silu: `${activations}
fn act(x: f32) -> vec2f { let s = sigmoid(x); return vec2f(x * s, siluSlope(x, s)); }`,
  relu2: `
fn act(x: f32) -> vec2f { let positive = max(x, 0.0); return vec2f(positive * positive, 2.0 * positive); }`,
};

/** y = act(g) ⊙ u; y may be the memory of g */
export function gatedUnitForward(activation: Activation, g: Tensor, u: Tensor, y: Tensor): Dispatch {
  return {
    shader: `gatedUnitForward ${activation}`,
    code: act[activation] + elementKernel('y[i] = act(g[i]).x * u[i];'),
    tensors: { g, u, y },
    numbers: { size: y.size },
    workgroups: overElements(y.size),
  };
}

/** dg and du from dy; they may be the memory of g and u */
export function gatedUnitBackward(
  activation: Activation,
  t: Record<'g' | 'u' | 'dy' | 'dg' | 'du', Tensor>,
): Dispatch {
  return {
    shader: `gatedUnitBackward ${activation}`,
    code:
      act[activation] +
      elementKernel(`
      let a = act(g[i]);
      let up = u[i];
      let d = dy[i];
      dg[i] = d * up * a.y;
      du[i] = d * a.x;`),
    tensors: { ...t },
    numbers: { size: t.dy.size },
    workgroups: overElements(t.dy.size),
  };
}
