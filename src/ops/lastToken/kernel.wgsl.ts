import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { elementKernel, overElements } from '../../kernels/webgpu/wgsl.ts';
import { sequenceSizes } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';

/** y [batch, width] = the last rows of x [batch, length, width] */
export function lastTokenForward(x: Tensor, y: Tensor): Dispatch {
  const { length, width } = sequenceSizes('lastToken', x);
  return {
    shader: 'lastToken',
    code: elementKernel(`
      let row = (i / p.width + 1u) * p.length - 1u;
      y[i] = x[row * p.width + i % p.width];`),
    tensors: { x, y },
    numbers: { size: y.size, length, width },
    workgroups: overElements(y.size),
  };
}
