import { cost, type Data, type Op, type Tensors } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import { expectShape, sizeOf, widthOf } from '../../program/shapes.ts';
import type { Shape, Tensor } from '../../program/tensor.ts';
import { startSum } from '../accumulate.ts';
import { floatDecoder } from '../halfFloats.ts';
import { embeddingBackwardReference, embeddingReference } from './reference.ts';

/**
 * Rows of a table: ids [..] i32 and table [vocabulary, width] in f32, f16, bf16 or, with scales [vocabulary] f32,
 * i8 give [.., width] f32. Ids must be in [0, vocabulary); the caller that writes them to the engine checks this.
 */
export function embedding(ids: Tensor, table: Tensor, scales?: Tensor): Tensor {
  if ((table.dtype === 'i8') !== (scales !== undefined)) {
    throw new Error(`embedding: scales are required for tables of i8 and for no others; found ${table}`);
  }
  if (scales) expectShape('embedding', 'scales', scales, [sizeOf(table, 0)]);
  return emit(embeddingOp, { ids, table, scales }).y;
}

export const embeddingOp: Op<Tensors<'ids' | 'table', 'scales'>, Tensors<'y'>> = {
  name: 'embedding',
  outputs: ({ ids, table }) => ({ y: { shape: [...ids.shape, widthOf(table)] } }),
  cost: (call) => {
    const { ids, table, scales } = call.inputs;
    const { size } = call.outputs.y;
    const bytesRead = ids.bytes + size * bytesPerEntry(table);
    return cost(call, scales ? { multiplications: size } : {}, bytesRead);
  },
  reference({ inputs: { ids, table, scales }, outputs: { y } }, data) {
    embeddingReference(data(ids), rowReader(table, data(table), scales && data(scales)), data(y));
  },
  backward({ inputs: { ids, table }, outputs: { y } }, gradients) {
    if (!gradients.wants(table)) return;
    const read = { ids, dy: gradients.required(y), before: gradients.of(table) };
    gradients.set(table, emit(embeddingBackwardOp, read, { shape: table.shape }).dTable);
  },
};

export const embeddingBackwardOp: Op<
  Tensors<'ids' | 'dy', 'before'>,
  Tensors<'dTable'>,
  { readonly shape: Shape }
> = {
  name: 'embeddingBackward',
  inPlace: { dTable: 'before' },
  outputs: (_, { shape }) => ({ dTable: { shape } }),
  cost: (call) => cost(call, { additions: call.inputs.dy.size }),
  reference({ inputs: { ids, dy, before }, outputs: { dTable } }, data) {
    embeddingBackwardReference(data(ids), data(dy), startSum(data, dTable, before));
  },
};

function bytesPerEntry(table: Tensor): number {
  return table.bytes / table.size;
}

function rowReader(table: Tensor, data: Data, scales?: Data): (id: number) => ArrayLike<number> {
  const width = widthOf(table);
  const decode = floatDecoder(table.dtype);
  return (id) => {
    const scale = scales?.[id] ?? 1;
    return Array.from(data.subarray(id * width, (id + 1) * width), (x) => scale * decode(x));
  };
}
