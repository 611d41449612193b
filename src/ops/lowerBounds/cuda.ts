import { onCuda } from '../../kernels/cuda/lowering.ts';
import { eachElement, overElements } from '../../kernels/cuda/shapes.ts';
import { sizeOf, widthOf } from '../../program/shapes.ts';
import { lowerBoundsBackwardOp, lowerBoundsOp } from './lowerBounds.ts';

/** In column i: the largest entry over the layers, and the sum of exponentials below it. */
const softmax = `
    float top = raw[i];
    for (unsigned at = i + size; at < layers * size; at += size) top = fmaxf(top, raw[at]);
    float sum = 0.f;
    for (unsigned at = i; at < layers * size; at += size) sum += expf(raw[at] - top);`;

export const lowerBoundsOnCuda = [
  onCuda(lowerBoundsOp, ({ inputs: { raw }, outputs: { bounds } }) => [
    {
      kernel: 'lowerBounds',
      body: eachElement(`${softmax}
    float bound = 0.f;
    bounds[i] = 0.f;
    for (unsigned at = i + size; at < layers * size; at += size) {
      bound += expf(raw[at] - top) / sum;
      bounds[at] = bound;
    }`),
      tensors: { raw, bounds },
      numbers: { size: widthOf(raw), layers: sizeOf(raw, 0) },
      ...overElements(widthOf(raw)),
    },
  ]),
  onCuda(lowerBoundsBackwardOp, ({ inputs: { raw, dBounds, dRawBefore }, outputs: { dRaw } }) => [
    {
      kernel: 'lowerBoundsBackward',
      // The slope of p_0 is zero; those of the others are sums from the last layer on.
      body: eachElement(`${softmax}
    float slope = 0.f, mean = 0.f;
    for (unsigned l = layers - 1; l > 0; l--) {
      slope += dBounds[l * size + i];
      mean += expf(raw[l * size + i] - top) / sum * slope;
    }
    slope = 0.f;
    for (unsigned l = layers; l-- > 0;) {
      const unsigned at = l * size + i;
      slope = l > 0 ? slope + dBounds[at] : 0.f;
      dRaw[at] = (before ? before[at] : 0.f) + expf(raw[at] - top) / sum * (slope - mean);
    }`),
      tensors: { raw, dBounds, before: dRawBefore, dRaw },
      numbers: { size: widthOf(raw), layers: sizeOf(raw, 0) },
      ...overElements(widthOf(raw)),
    },
  ]),
];
