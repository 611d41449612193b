import type { Launch } from '../../kernels/cuda/launch.ts';
import { onCuda } from '../../kernels/cuda/lowering.ts';
import { eachElement, overElements } from '../../kernels/cuda/shapes.ts';
import type { CallOf } from '../../program/op.ts';
import { sizeOf, widthOf } from '../../program/shapes.ts';
import { lowerBoundsBackwardOp, lowerBoundsOp } from './lowerBounds.ts';

/** In column i: the softmax over the layers. Their number is known to the compiler, so that all loads are under way at once. */
const softmax = (layers: number) => `
    float p[${layers}], top = -1e38f, sum = 0.f;
    #pragma unroll
    for (int l = 0; l < ${layers}; l++) p[l] = raw[l * size + i];
    #pragma unroll
    for (int l = 0; l < ${layers}; l++) top = fmaxf(top, p[l]);
    #pragma unroll
    for (int l = 0; l < ${layers}; l++) { p[l] = expf(p[l] - top); sum += p[l]; }
    const float share = 1.f / sum;`;

export function lowerBoundsForward({
  inputs: { raw },
  outputs: { bounds },
}: CallOf<typeof lowerBoundsOp>): Launch {
  return {
    kernel: 'lowerBounds',
    body: eachElement(`${softmax(sizeOf(raw, 0))}
    float bound = 0.f;
    #pragma unroll
    for (int l = 0; l < ${sizeOf(raw, 0)}; l++) {
      if (l > 0) bound += p[l] * share;
      bounds[l * size + i] = bound;
    }`),
    tensors: { raw, bounds },
    numbers: { size: widthOf(raw) },
    ...overElements(widthOf(raw)),
  };
}

export const lowerBoundsOnCuda = [
  onCuda(lowerBoundsOp, (call) => [lowerBoundsForward(call)]),
  onCuda(lowerBoundsBackwardOp, ({ inputs: { raw, dBounds, dRawBefore }, outputs: { dRaw } }) => [
    {
      kernel: 'lowerBoundsBackward',
      // The slope of p_0 is zero; those of the others are sums from the last layer on.
      body: eachElement(`${softmax(sizeOf(raw, 0))}
    float slopes[${sizeOf(raw, 0)}], slope = 0.f, mean = 0.f;
    #pragma unroll
    for (int l = ${sizeOf(raw, 0) - 1}; l >= 0; l--) {
      slope = l > 0 ? slope + dBounds[l * size + i] : 0.f;
      slopes[l] = slope;
      mean += p[l] * share * slope;
    }
    #pragma unroll
    for (int l = 0; l < ${sizeOf(raw, 0)}; l++)
      dRaw[l * size + i] = (before ? before[l * size + i] : 0.f) + p[l] * share * (slopes[l] - mean);`),
      tensors: { raw, dBounds, before: dRawBefore, dRaw },
      numbers: { size: widthOf(raw) },
      ...overElements(widthOf(raw)),
    },
  ]),
];
