import { cost, type Op } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import { lastTokenForward } from './kernel.wgsl.ts';
import { lastTokenReference } from './reference.ts';

/** The last token's row of each sequence: [batch, length, width] → [batch, 1, width]. For inference only. */
export function lastToken(x: Tensor): Tensor {
  const [batch, , width] = x.shape;
  const outputs = [{ name: 'y', shape: [batch!, 1, width!] }];
  return emit(lastTokenOp, { inputs: [x], outputs, attributes: undefined })[0]!;
}

export const lastTokenOp: Op = {
  name: 'lastToken',
  cost: (call) => cost(call, {}, call.outputs[0]!.bytes),
  reference({ inputs: [x], outputs: [y] }, data) {
    lastTokenReference(data(x!), x!.shape[1]!, x!.shape[2]!, data(y!));
  },
  cpu({ inputs: [x], outputs: [y] }) {
    return [{ kernel: 'lastToken', args: [x, y, ...x!.shape] }];
  },
  webgpu: ({ inputs: [x], outputs: [y] }) => [lastTokenForward(x!, y!)],
};
