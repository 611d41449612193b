import { cost, type Data, type Op } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import { startSum } from '../accumulate.ts';
import { floatDecoder } from '../halfFloats.ts';
import { expectShape, widthOf } from '../shapes.ts';
import { embeddingBackward, embeddingForward } from './kernel.wgsl.ts';
import { embeddingBackwardReference, embeddingReference } from './reference.ts';

/**
 * Rows of a table: ids [..] i32 and table [vocabulary, width] in f32, f16, bf16 or, with scales [vocabulary] f32,
 * i8 give [.., width] f32. Ids must be in [0, vocabulary); whoever writes them to the engine checks that.
 */
export function embedding(ids: Tensor, table: Tensor, scales?: Tensor): Tensor {
  if ((table.dtype === 'i8') !== (scales !== undefined)) {
    throw new Error(`embedding: scales belong to tables of i8, and to those only; found ${table}`);
  }
  if (scales) expectShape('embedding', 'scales', scales, [table.shape[0]!]);
  const outputs = [{ name: 'y', shape: [...ids.shape, widthOf(table)] }];
  return emit(embeddingOp, { inputs: [ids, table, scales], outputs, attributes: undefined })[0]!;
}

const storage = { f32: 0, f16: 1, bf16: 2, i8: 3 } as const;

export const embeddingOp: Op = {
  name: 'embedding',
  cost: (call) =>
    cost(
      call,
      call.inputs[2] ? { multiplications: call.outputs[0]!.size } : {},
      call.inputs[0]!.bytes + call.outputs[0]!.size * bytesPerEntry(call.inputs[1]!),
    ),
  reference({ inputs: [ids, table, scales], outputs: [y] }, data) {
    const row = rowReader(table!, data(table!), scales && data(scales));
    embeddingReference(data(ids!), row, data(y!));
  },
  cpu({ inputs: [ids, table, scales], outputs: [y] }) {
    const type = storage[table!.dtype as keyof typeof storage];
    return [{ kernel: 'embeddingForward', args: [ids, table, scales, y, ids!.size, widthOf(table!), type] }];
  },
  webgpu: ({ inputs: [ids, table, scales], outputs: [y] }) => [embeddingForward(ids!, table!, scales, y!)],
  backward({ inputs: [ids, table], outputs: [y] }, gradients) {
    if (!gradients.wants(table)) return;
    const dTable = emit(embeddingBackwardOp, {
      inputs: [ids, gradients.of(y!)!, gradients.of(table)],
      outputs: [{ name: 'dTable', shape: table.shape }],
      attributes: undefined,
    });
    gradients.set(table, dTable[0]!);
  },
};

const embeddingBackwardOp: Op = {
  name: 'embeddingBackward',
  inPlace: [[0, 2]],
  cost: (call) => cost(call, { additions: call.inputs[1]!.size }),
  reference({ inputs: [ids, dy, before], outputs: [dTable] }, data) {
    embeddingBackwardReference(data(ids!), data(dy!), startSum(data, dTable!, before));
  },
  cpu({ inputs: [ids, dy, before], outputs: [dTable] }) {
    const [vocabulary, width] = dTable!.shape as [number, number];
    return [{ kernel: 'embeddingBackward', args: [ids, dy, before, dTable, ids!.size, width, vocabulary] }];
  },
  webgpu({ inputs: [ids, dy, before], outputs: [dTable] }) {
    return embeddingBackward({ ids: ids!, dy: dy!, dTable: dTable! }, before);
  },
};

function bytesPerEntry(table: Tensor): number {
  return table.bytes / table.size;
}

function rowReader(table: Tensor, data: Data, scales?: Data): (id: number) => ArrayLike<number> {
  const width = widthOf(table);
  const decode = floatDecoder(table.dtype);
  return (id) => {
    const scale = scales ? scales[id]! : 1;
    return Array.from(data.subarray(id * width, (id + 1) * width), (x) => scale * decode(x));
  };
}
