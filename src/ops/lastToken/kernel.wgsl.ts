import type { Dispatch } from '../../program/op.ts';
import type { Tensor } from '../../program/tensor.ts';
import { elementKernel, overElements } from '../wgsl.ts';

/** y [batch, width] = the last rows of x [batch, length, width] */
export function lastTokenForward(x: Tensor, y: Tensor): Dispatch {
  const [, length, width] = x.shape;
  return {
    shader: 'lastToken',
    code: elementKernel(`
      let row = (i / p.width + 1u) * p.length - 1u;
      y[i] = x[row * p.width + i % p.width];`),
    tensors: { x, y },
    numbers: { size: y.size, length: length!, width: width! },
    workgroups: overElements(y.size),
  };
}
