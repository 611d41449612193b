import { cost, type Op } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import { startSum } from '../accumulate.ts';
import { expectShape, sequenceSizes } from '../shapes.ts';
import { tokenShiftBackward, tokenShiftForward } from './kernel.wgsl.ts';
import { tokenShiftBackwardReference, tokenShiftReference } from './reference.ts';

/**
 * RWKV's token shift (Peng et al. 2023, arXiv 2305.13048, section 3.1.1): each token of x [batch, length, width] mixed
 * with the one before it, element by element; `mix` [width] is the share of the later one. `before` [batch, 1, width]
 * is the token before the first one; absent: zeros. Returns [batch, length, width].
 */
export function tokenShift(x: Tensor, mix: Tensor, before: Tensor | undefined): Tensor {
  const { batch, width } = sequenceSizes('tokenShift', x);
  expectShape('tokenShift', 'mix', mix, [width]);
  if (before) expectShape('tokenShift', 'before', before, [batch, 1, width]);
  const outputs = [{ name: 'y', shape: x.shape }];
  return emit(tokenShiftOp, { inputs: [x, mix, before], outputs, attributes: undefined })[0]!;
}

export const tokenShiftOp: Op = {
  name: 'tokenShift',
  // x_{t−1} + μ·(x_t − x_{t−1})
  cost: (call) => {
    const n = call.inputs[0]!.size;
    return cost(call, { additions: 2 * n, multiplications: n });
  },
  reference({ inputs: [x, mix, before], outputs: [y] }, data) {
    const inputs = { x: data(x!), mix: data(mix!), before: before && data(before) };
    tokenShiftReference(inputs, sequenceSizes('tokenShift', x!), data(y!));
  },
  cpu({ inputs: [x, mix, before], outputs: [y] }) {
    return [
      {
        kernel: 'tokenShiftForward',
        args: [x, mix, before, y, ...Object.values(sequenceSizes('tokenShift', x!))],
      },
    ];
  },
  webgpu: ({ inputs: [x, mix, before], outputs: [y] }) => [
    tokenShiftForward({ x: x!, mix: mix!, before, y: y! }),
  ],
  backward({ inputs: [x, mix, before], outputs: [y] }, gradients) {
    const [dx, dMix, dBefore] = emit(tokenShiftBackwardOp, {
      inputs: [x, mix, before, gradients.of(y!), gradients.of(x!), gradients.of(mix!)],
      outputs: [
        { name: 'dx', shape: x!.shape },
        { name: 'dMix', shape: mix!.shape },
        { name: 'dBefore', shape: [x!.shape[0]!, 1, mix!.size] },
      ],
      attributes: undefined,
    });
    if (gradients.wants(x)) gradients.set(x, dx!);
    if (gradients.wants(mix)) gradients.set(mix, dMix!);
    if (gradients.wants(before)) gradients.add(before, dBefore!);
  },
};

const tokenShiftBackwardOp: Op = {
  name: 'tokenShiftBackward',
  inPlace: [
    [0, 4],
    [1, 5],
  ],
  cost: (call) => {
    const n = call.inputs[0]!.size;
    return cost(call, { additions: 5 * n, multiplications: 3 * n });
  },
  reference({ inputs: [x, mix, before, dy, dxBefore, dMixBefore], outputs: [dx, dMix, dBefore] }, data) {
    tokenShiftBackwardReference(
      { x: data(x!), mix: data(mix!), before: before && data(before) },
      sequenceSizes('tokenShift', x!),
      data(dy!),
      { dx: startSum(data, dx!, dxBefore), dMix: startSum(data, dMix!, dMixBefore), dBefore: data(dBefore!) },
    );
  },
  cpu({ inputs, outputs }) {
    const dimensions = Object.values(sequenceSizes('tokenShift', inputs[0]!));
    return [{ kernel: 'tokenShiftBackward', args: [...inputs, ...outputs, ...dimensions] }];
  },
  webgpu({ inputs: [x, mix, before, dy, dxBefore, dMixBefore], outputs: [dx, dMix, dBefore] }) {
    const forward = { x: x!, mix: mix!, before, dy: dy! };
    return tokenShiftBackward({ ...forward, dxBefore, dMixBefore, dx: dx!, dMix: dMix!, dBefore: dBefore! });
  },
};
